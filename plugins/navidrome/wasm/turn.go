package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

const (
	cronScheduleID = "sweep"
	firstPayload   = "first"
	firstDelayS    = 10
	soonestWakeS   = 2
	busyPauseS     = 10 // after up to 40 look-ups and 40 polls: the daemon takes 600 and 300 a minute
	fewRequests    = 10
	turnS          = 20 // of Navidrome's 30: what is begun then ends after one request's 5 s at the latest
)

var errNoAdmin = errors.New("this plugin may act for no administrator of Navidrome: choose one on its page in " +
	"Settings > Plugins; without one it can neither read the library nor ask for a scan")

// begin checks the settings, then has Navidrome call this plugin, soon and then regularly.
func begin(navidrome host, setting func(string) string, log func(logLevel, string)) error {
	settings, err := readConfig(setting)
	if err != nil {
		return err
	}
	if err := navidrome.scheduleRecurring(settings.cron, "", cronScheduleID); err != nil {
		return fmt.Errorf("the setting cron, %q, cannot be used: enter one such as %q or \"0 3 * * *\" (%w)",
			settings.cron, defaultCron, err)
	}
	if err := navidrome.scheduleOnce(firstDelayS, firstPayload); err != nil {
		return err
	}
	log(levelInfo, fmt.Sprintf("looks for items without tags %s, and asks Spectra at %s about them", settings.cron, settings.daemonURL))
	return nil
}

// turn is one call of Navidrome's: a bounded slice of work.
type turn struct {
	host     host
	daemon   *daemon
	log      func(logLevel, string)
	now      func() int64 // seconds since 1970
	deadline int64
	admin    string
	state    *state
	asked    *memory

	lookedUp, refused, tagged int // in this turn
}

// scheduled is what Navidrome tells a scheduled call.
type scheduled struct {
	Payload     string `json:"payload"`
	IsRecurring bool   `json:"isRecurring"`
}

func (s scheduled) isRun() bool { return s.IsRecurring || s.Payload == firstPayload }

// work does one slice: asks for open look-ups, sweeps a page, has folders scanned; then it schedules the next slice.
func work(navidrome host, setting func(string) string, log func(logLevel, string), now func() int64, input []byte) error {
	settings, err := readConfig(setting)
	if err != nil {
		return err
	}
	var call scheduled
	if err := json.Unmarshal(input, &call); err != nil {
		return fmt.Errorf("Navidrome's schedule is not understood: %w", err)
	}
	t := &turn{host: navidrome, daemon: &daemon{host: navidrome, config: settings}, log: log, now: now, deadline: now() + turnS}
	isOurs, err := t.start(call)
	if err != nil || !isOurs {
		return err
	}
	return t.finish(t.slice())
}

// start loads the state and takes the lease; it tells whether this call has anything to do.
func (t *turn) start(call scheduled) (bool, error) {
	loaded, err := loadState(t.host)
	if err != nil {
		return false, err
	}
	t.state = loaded
	isStale := !call.isRun() && call.Payload != strconv.FormatInt(loaded.Turn, 10)
	if isStale || loaded.isBusy(t.now()) {
		t.log(levelDebug, "another call of this plugin is at work")
		return false, nil
	}
	remembered, err := t.host.load(memoryKey)
	if err != nil {
		return false, err
	}
	t.asked = decodeMemory(remembered, t.now())
	loaded.Turn++
	loaded.BusyUntil = t.now() + leaseS
	if call.isRun() {
		loaded.Sweeping = true
		if loaded.HeldUntil == untilNextCronRun {
			loaded.HeldUntil = 0
		}
	}
	// Written before anything is asked for: where nothing can be stored, nothing is begun again and again.
	return true, loaded.save(t.host)
}

// slice does the work; whatever stops one part does not stop the others.
func (t *turn) slice() error {
	admin, err := t.host.admin()
	if err != nil {
		return err
	}
	if admin == "" {
		return errNoAdmin
	}
	t.admin = admin
	return errors.Join(t.askDaemon(), t.scanFolders())
}

func (t *turn) isLate() bool { return t.now() >= t.deadline }

// askDaemon polls and sweeps, unless the daemon can't be asked now.
func (t *turn) askDaemon() error {
	if t.state.isHeld(t.now()) {
		return nil
	}
	err := t.pollTasks()
	if err == nil {
		err = t.sweep()
	}
	var why *trouble
	if !errors.As(err, &why) {
		if t.daemon.hasAnswered && t.state.Trouble != "" {
			t.log(levelInfo, "Spectra answers again")
			t.state.Trouble = ""
		}
		return err
	}
	return t.hold(why)
}

// hold leaves the daemon alone for a while. The reason is said once; a refused token at every run, as a failure.
func (t *turn) hold(why *trouble) error {
	t.state.HeldUntil = untilNextCronRun
	if why.holdS != untilNextCronRun {
		t.state.HeldUntil = t.now() + why.holdS
	}
	level := levelWarn
	if t.state.Trouble == why.kind {
		level = levelDebug
	}
	t.state.Trouble = why.kind
	if why.kind == tokenRefused {
		return why
	}
	t.log(level, why.sentence)
	return nil
}

// finish stores what was done and schedules the next slice. After a failure of Navidrome's the next run goes on.
func (t *turn) finish(failed error) error {
	t.state.BusyUntil = 0
	if t.asked.isChanged {
		failed = errors.Join(failed, t.host.store(memoryKey, t.asked.encode()))
	}
	failed = errors.Join(failed, t.state.save(t.host))
	if t.lookedUp+t.refused+t.tagged > 0 {
		t.log(levelInfo, fmt.Sprintf("asked Spectra about %d items; it refused %d, and has tagged %d",
			t.lookedUp+t.refused, t.refused, t.tagged))
	}
	if failed != nil {
		return failed
	}
	delayS, isWork := t.nextDelayS()
	if !isWork {
		return nil
	}
	return t.host.scheduleOnce(delayS, strconv.FormatInt(t.state.Turn, 10))
}

// nextDelayS returns when there is something to do again, before the next run.
func (t *turn) nextDelayS() (int64, bool) {
	now := t.now()
	var wakes []int64
	if len(t.state.Folders) > 0 {
		wakes = append(wakes, t.state.ScanAfter)
	}
	if t.state.HeldUntil != untilNextCronRun {
		earliest := max(t.state.HeldUntil, now+t.paceS())
		for _, each := range t.state.Open {
			wakes = append(wakes, max(earliest, each.DueAt))
		}
		if t.state.Sweeping && len(t.state.Open) < openLimit {
			wakes = append(wakes, earliest)
		}
	}
	if len(wakes) == 0 {
		return 0, false
	}
	soonest := wakes[0]
	for _, each := range wakes {
		soonest = min(soonest, each)
	}
	return min(max(soonest-now, soonestWakeS), longestHoldS), true
}

// paceS returns how long to leave the daemon alone after what it was asked in this call.
func (t *turn) paceS() int64 {
	if t.daemon.requests > fewRequests {
		return busyPauseS
	}
	return soonestWakeS
}
