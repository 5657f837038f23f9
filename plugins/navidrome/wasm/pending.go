package main

import (
	"errors"
	"fmt"
	"slices"
)

const (
	pollsPerTurn  = 40
	firstPollS    = 5
	longestPollS  = 300
	forgetAfterS  = 24 * secondsPerHour
	rememberHours = 24 // for an answer; the daemon goes on by itself when it learns more
	askAgainHours = 1  // for none: the daemon was restarted, or failed
	statusPending = "pending"
	statusSuccess = "success"
	outcomeTagged = "tagged"
	outcomeNamed  = "named" // it has tags that Navidrome has not read yet
	mostDoublings = 6
)

// pollTasks asks for the look-ups that are due, the longest due first, and settles those that are done.
func (t *turn) pollTasks() error {
	slices.SortStableFunc(t.state.Open, func(a, b openTask) int { return int(a.DueAt - b.DueAt) })
	var left []openTask
	var stopped error
	polled := 0
	for _, each := range t.state.Open {
		if stopped != nil || polled >= pollsPerTurn || !each.isDue(t.now()) || t.isLate() {
			left = append(left, each)
			continue
		}
		polled++
		isOpen, err := t.pollTask(&each)
		stopped = err
		if isOpen {
			left = append(left, each)
		}
	}
	t.state.Open = left
	return stopped
}

// pollTask asks for one look-up; it tells whether to ask again, and why not to go on asking.
func (t *turn) pollTask(asked *openTask) (bool, error) {
	answered, err := t.daemon.task(asked.ID)
	var refused *refusal
	if errors.As(err, &refused) {
		t.log(levelDebug, fmt.Sprintf("Spectra knows no look-up %s any more: %s", asked.ID, refused.sentence))
		t.asked.remember(asked.Item, t.now(), askAgainHours)
		return false, nil
	}
	if err != nil {
		return t.postpone(asked, err), err
	}
	if answered.Status == statusPending {
		t.later(asked)
		return t.now()-asked.AskedAt < forgetAfterS, nil
	}
	t.settle(asked, answered)
	return false, nil
}

// postpone keeps a look-up for later, unless the daemon failed, perhaps because of it: it must not block the others.
func (t *turn) postpone(asked *openTask, err error) bool {
	var why *trouble
	if errors.As(err, &why) && why.kind == daemonFailed {
		t.asked.remember(asked.Item, t.now(), askAgainHours)
		return false
	}
	t.later(asked)
	return true
}

// settle notes what a look-up came to. An item without an answer is asked for again soon.
func (t *turn) settle(asked *openTask, answered task) {
	for _, each := range answered.Result {
		switch each.Outcome {
		case outcomeTagged:
			t.tagged++
			t.state.addFolder(asked.Folder)
		case outcomeNamed:
			t.state.addFolder(asked.Folder)
		}
	}
	if answered.Status == statusSuccess {
		return
	}
	t.log(levelWarn, fmt.Sprintf("Spectra could not look up an item in %q: %s", asked.Folder.Path, answered.Error))
	if len(answered.Result) == 0 {
		t.asked.remember(asked.Item, t.now(), askAgainHours)
	}
}

// isDue tells whether to ask now. A time further ahead than any is from before the clock was set.
func (o *openTask) isDue(nowS int64) bool {
	return o.DueAt <= nowS || o.DueAt > nowS+longestPollS
}

// later has a look-up asked for again, after a delay that doubles.
func (t *turn) later(asked *openTask) {
	asked.DueAt = t.now() + min(int64(firstPollS)<<min(asked.Polls, mostDoublings), longestPollS)
	asked.Polls++
}
