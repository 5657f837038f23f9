package main

import (
	"errors"
	"fmt"
)

const (
	pageSize       = 500
	lookUpsPerTurn = 40
	refusalsLogged = 3
)

// candidate is an item of a page that may have no name.
type candidate struct {
	id    string
	index int // in its page
}

// sweep looks at the next page of the library and has its unknown items looked up.
func (t *turn) sweep() error {
	budget := min(lookUpsPerTurn, openLimit-len(t.state.Open))
	if !t.state.Sweeping || budget <= 0 || t.isLate() {
		return nil
	}
	page, err := t.host.page(t.admin, t.state.Offset, pageSize)
	if err != nil {
		return err
	}
	candidates, seen := t.candidates(page, budget)
	seen, err = t.lookUpAll(candidates, seen)
	t.state.Offset += seen
	if seen == len(page) && len(page) < pageSize {
		t.state.Sweeping, t.state.Offset = false, 0
	}
	return err
}

// candidates returns at most limit items to look at closely, and how many items of the page that covers.
func (t *turn) candidates(page []pageItem, limit int) ([]candidate, int) {
	var found []candidate
	for index, item := range page {
		if item.ID == "" || !mayBeUntagged(item) || t.asked.has(item.ID) {
			continue
		}
		if len(found) == limit {
			return found, index
		}
		found = append(found, candidate{item.ID, index})
	}
	return found, len(page)
}

// lookUpAll asks the daemon for each; it returns how many items of the page are done with.
func (t *turn) lookUpAll(candidates []candidate, seen int) (int, error) {
	if len(candidates) == 0 {
		return seen, nil
	}
	ids := make([]string, len(candidates))
	for i, each := range candidates {
		ids[i] = each.id
	}
	tracks, err := t.host.tracks(ids)
	if err != nil {
		return 0, err
	}
	libraries, err := t.host.libraries()
	if err != nil {
		return 0, err
	}
	for i, each := range candidates {
		if t.isLate() {
			return each.index, nil
		}
		if err := t.lookUp(each.id, tracks[i], libraries); err != nil {
			t.passOver(each.id, err)
			return each.index, err
		}
	}
	return seen, nil
}

// passOver leaves an item out for a while that the daemon failed at: it may be the cause, and must not block the others.
func (t *turn) passOver(id string, err error) {
	var why *trouble
	if errors.As(err, &why) && why.kind == daemonFailed {
		t.asked.remember(id, t.now(), askAgainHours)
	}
}

// lookUp asks the daemon for one item, if it has a place and no name.
func (t *turn) lookUp(id string, found *track, libraries map[int]string) error {
	if found == nil || found.Missing || found.Path == "" || libraries[found.LibraryID] == "" {
		t.log(levelDebug, fmt.Sprintf("Navidrome does not show this plugin where item %s is", id))
		t.asked.remember(id, t.now(), askAgainHours)
		return nil
	}
	if !isUntagged(found) {
		t.asked.remember(id, t.now(), rememberHours)
		return nil
	}
	taskID, err := t.daemon.begin(lookUp{
		LibraryPath: libraries[found.LibraryID], RelativePath: found.Path, Size: found.Size, DurationS: found.Duration,
		Source: "navidrome", ItemID: id,
	})
	var refused *refusal
	if errors.As(err, &refused) {
		t.refuse(id, found.Path, refused)
		return nil
	}
	if err != nil {
		return err
	}
	t.lookedUp++
	t.asked.remember(id, t.now(), rememberHours)
	now := t.now()
	t.state.Open = append(t.state.Open, openTask{
		ID: taskID, Item: id, Folder: folderOf(found), AskedAt: now, DueAt: now + firstPollS,
	})
	return nil
}

func (t *turn) refuse(id, path string, refused *refusal) {
	level := levelDebug
	if t.refused < refusalsLogged {
		level = levelWarn
	}
	t.refused++
	t.log(level, fmt.Sprintf("Spectra does not look up %q: %s", path, refused.sentence))
	t.asked.remember(id, t.now(), rememberHours)
}
