package main

import "encoding/json"

const (
	stateKey  = "state"
	memoryKey = "asked"

	openLimit        = 200  // look-ups the daemon works on; more wait for it
	folderLimit      = 100  // folders to be scanned; beyond, whole libraries are
	folderNameLimit  = 1000 // bytes; a folder with a longer name is scanned with its library
	longestCallS     = 30   // Navidrome ends a call then
	leaseS           = longestCallS + 5
	untilNextCronRun = -1
)

// state is what outlives a call, as JSON under one key: at most 350 kB, usually a few.
type state struct {
	Turn      int64      `json:"turn"`       // number of the last call that worked; a one-time call carries it
	BusyUntil int64      `json:"busy_until"` // another call is at work, or was ended by Navidrome
	Sweeping  bool       `json:"sweeping"`
	Offset    int        `json:"offset"` // of the next page in the library
	Open      []openTask `json:"open"`
	Folders   []folder   `json:"folders"`    // with new tags in them, to be scanned
	ScanAfter int64      `json:"scan_after"` // no scan is asked for before
	HeldUntil int64      `json:"held_until"` // the daemon is not asked before; or untilNextCronRun
	Trouble   string     `json:"trouble"`    // why the daemon could not be asked last; empty when it could
}

// openTask is a look-up that the daemon has not finished.
type openTask struct {
	ID      string `json:"id"`
	Item    string `json:"item"`
	Folder  folder `json:"folder"`
	AskedAt int64  `json:"asked_at"`
	DueAt   int64  `json:"due_at"`
	Polls   int    `json:"polls"`
}

// folder is a scan's target.
type folder struct {
	Library int    `json:"library"`
	Path    string `json:"path"` // relative to the library; empty is all of it
}

// loadState reads the state; one that cannot be understood is begun anew: the library is only swept once more.
func loadState(from host) (*state, error) {
	stored, err := from.load(stateKey)
	if err != nil {
		return nil, err
	}
	var known state
	if json.Unmarshal(stored, &known) != nil {
		return &state{}, nil
	}
	return &known, nil
}

func (s *state) save(to host) error {
	encoded, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return to.store(stateKey, encoded)
}

// isBusy tells whether another call is at work. A lease further ahead than any is from before the clock was set.
func (s *state) isBusy(nowS int64) bool {
	return nowS < s.BusyUntil && s.BusyUntil <= nowS+leaseS
}

// isHeld tells whether the daemon must not be asked now.
func (s *state) isHeld(nowS int64) bool {
	return s.HeldUntil == untilNextCronRun || (nowS < s.HeldUntil && s.HeldUntil <= nowS+longestHoldS)
}
