package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// fakeHost is a Navidrome with many untagged items, and a clock that each HTTP request lets go on.
type fakeHost struct {
	nowS, requestS int64
	requests       int
	stored         map[string][]byte
	delays         []int64
}

func (f *fakeHost) call(function string, request []byte) ([]byte, error) {
	switch function {
	case "kvstore_get", "kvstore_set":
		return f.store(request)
	case "users_getadmins":
		return []byte(`{"result": [{"userName": "admin"}]}`), nil
	case "library_getalllibraries":
		return []byte(`{"result": [{"id": 1, "path": "/music"}]}`), nil
	case "subsonicapi_call":
		items := make([]pageItem, pageSize)
		for number := range items {
			items[number].ID = fmt.Sprint(number)
		}
		response := map[string]any{"status": "ok", "searchResult3": map[string]any{"song": items}}
		inner, err := json.Marshal(map[string]any{"subsonic-response": response})
		if err != nil {
			return nil, err
		}
		return json.Marshal(map[string]string{"responseJson": string(inner)})
	case "matcher_matchsongs":
		results := make([]track, strings.Count(string(request), `"id"`))
		for number := range results {
			results[number] = track{LibraryID: 1, Path: fmt.Sprintf("%d.mp3", number)}
		}
		return json.Marshal(map[string]any{"results": results})
	case "http_send":
		f.nowS += f.requestS
		f.requests++
		return json.Marshal(map[string]any{"result": httpAnswer{Status: 202, Body: []byte(`{"task_id": "a"}`)}})
	case "scheduler_scheduleonetime":
		var once struct {
			Delay int64 `json:"delaySeconds"`
		}
		err := json.Unmarshal(request, &once)
		f.delays = append(f.delays, once.Delay)
		return []byte("{}"), err
	}
	return nil, fmt.Errorf("%s is not expected", function)
}

func (f *fakeHost) store(request []byte) ([]byte, error) {
	var entry struct {
		Key   string
		Value []byte
	}
	if err := json.Unmarshal(request, &entry); err != nil {
		return nil, err
	}
	if entry.Value != nil {
		f.stored[entry.Key] = entry.Value
	}
	return json.Marshal(map[string][]byte{"value": f.stored[entry.Key]})
}

func (f *fakeHost) run(t *testing.T) {
	t.Helper()
	setting := func(name string) string {
		return map[string]string{"daemon_url": "http://spectra:8765", "token": "abc"}[name]
	}
	silent := func(logLevel, string) {}
	clock := func() int64 { return f.nowS }
	if err := work(host{f.call}, setting, silent, clock, []byte(`{"isRecurring": true}`)); err != nil {
		t.Fatal(err)
	}
}

func TestACallEndsLongBeforeNavidromeEndsIt(t *testing.T) {
	fake := &fakeHost{nowS: aNowS, requestS: requestTimeoutMs / 1000, stored: map[string][]byte{}}
	fake.run(t)
	if spentS := fake.nowS - aNowS; spentS > turnS+requestTimeoutMs/1000 || spentS >= longestCallS {
		t.Errorf("%d s", spentS)
	}
	asked := fake.requests
	if asked == 0 || len(fake.delays) != 1 {
		t.Errorf("%d requests, delays %v", asked, fake.delays)
	}
	// The next call goes on behind what was asked for.
	fake.nowS += firstPollS - 1
	fake.requestS = 0
	fake.run(t)
	var stored state
	if err := json.Unmarshal(fake.stored[stateKey], &stored); err != nil || stored.Offset <= asked {
		t.Errorf("offset %d after %d look-ups: %v", stored.Offset, asked, err)
	}
}

func TestAQuickDaemonIsNotAskedMoreThanItTakes(t *testing.T) {
	fake := &fakeHost{nowS: aNowS, stored: map[string][]byte{}}
	fake.run(t)
	if fake.requests != lookUpsPerTurn {
		t.Errorf("%d look-ups in a call", fake.requests)
	}
	turnsPerMinute := 60 / fake.delays[0]
	if turnsPerMinute*lookUpsPerTurn > 600 || turnsPerMinute*pollsPerTurn > 300 {
		t.Errorf("%d calls a minute", turnsPerMinute)
	}
}
