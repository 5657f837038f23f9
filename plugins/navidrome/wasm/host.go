package main

import (
	"encoding/json"
	"fmt"
	"net/url"
)

type logLevel int

const (
	levelDebug logLevel = iota
	levelInfo
	levelWarn
)

// host is Navidrome: one function for all of its functions, so that tests can play it.
type host struct {
	call func(function string, request []byte) ([]byte, error)
}

// failure is what any answer of Navidrome's may be instead.
type failure struct {
	Error string `json:"error"`
}

func (f failure) reason() string { return f.Error }

type answer interface{ reason() string }

func (h host) ask(function string, request any, into answer) error {
	encoded, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("%s: %w", function, err)
	}
	answered, err := h.call(function, encoded)
	if err != nil {
		return fmt.Errorf("Navidrome's %s failed: %w", function, err)
	}
	if err := json.Unmarshal(answered, into); err != nil {
		return fmt.Errorf("Navidrome's %s answered what this plugin does not understand: %w", function, err)
	}
	if into.reason() != "" {
		return fmt.Errorf("Navidrome's %s failed: %s", function, into.reason())
	}
	return nil
}

// scheduleRecurring has nd_scheduler_callback called by a cron expression.
func (h host) scheduleRecurring(cron, payload, id string) error {
	request := struct {
		Cron    string `json:"cronExpression"`
		Payload string `json:"payload"`
		ID      string `json:"scheduleId"`
	}{cron, payload, id}
	return h.ask("scheduler_schedulerecurring", request, &failure{})
}

// scheduleOnce has nd_scheduler_callback called once. Navidrome names the schedule: a name of ours would still be
// taken while its own call runs.
func (h host) scheduleOnce(delayS int64, payload string) error {
	request := struct {
		Delay   int64  `json:"delaySeconds"`
		Payload string `json:"payload"`
		ID      string `json:"scheduleId"`
	}{delayS, payload, ""}
	return h.ask("scheduler_scheduleonetime", request, &failure{})
}

// admin returns the name of an administrator whom this plugin may act for; none is no error here.
func (h host) admin() (string, error) {
	var users struct {
		failure
		Result []struct {
			Name string `json:"userName"`
		} `json:"result"`
	}
	if err := h.ask("users_getadmins", struct{}{}, &users); err != nil || len(users.Result) == 0 {
		return "", err
	}
	return users.Result[0].Name, nil
}

// libraries returns the folder of each library, as Navidrome sees it.
func (h host) libraries() (map[int]string, error) {
	var all struct {
		failure
		Result []struct {
			ID   int    `json:"id"`
			Path string `json:"path"`
		} `json:"result"`
	}
	if err := h.ask("library_getalllibraries", struct{}{}, &all); err != nil {
		return nil, err
	}
	folders := make(map[int]string, len(all.Result))
	for _, library := range all.Result {
		folders[library.ID] = library.Path
	}
	return folders, nil
}

// track is an item with its true place, relative to its library.
type track struct {
	ID        string  `json:"id"`
	LibraryID int     `json:"libraryId"`
	Path      string  `json:"path"`
	Title     string  `json:"title"`
	Artist    string  `json:"artist"`
	Size      int64   `json:"size"`     // bytes
	Duration  float64 `json:"duration"` // seconds
	Missing   bool    `json:"missing"`
}

// tracks returns the items with these ids, in order; nil for those that this plugin may not see.
func (h host) tracks(ids []string) ([]*track, error) {
	type wanted struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	request := struct {
		Items   []wanted `json:"songs"`
		Options struct{} `json:"opts"`
	}{Items: make([]wanted, 0, len(ids))}
	for _, id := range ids {
		request.Items = append(request.Items, wanted{ID: id})
	}
	var found struct {
		failure
		Results []*track `json:"results"`
	}
	if err := h.ask("matcher_matchsongs", request, &found); err != nil {
		return nil, err
	}
	results := make([]*track, len(ids))
	for i, result := range found.Results[:min(len(ids), len(found.Results))] {
		// Where an id is unknown, Navidrome guesses by name.
		if result != nil && (result.ID == "" || result.ID == ids[i]) {
			results[i] = result
		}
	}
	return results, nil
}

// load returns what was stored under a key, or nil.
func (h host) load(key string) ([]byte, error) {
	var stored struct {
		failure
		Value []byte `json:"value"`
	}
	err := h.ask("kvstore_get", map[string]string{"key": key}, &stored)
	return stored.Value, err
}

func (h host) store(key string, value []byte) error {
	request := struct {
		Key   string `json:"key"`
		Value []byte `json:"value"`
	}{key, value}
	return h.ask("kvstore_set", request, &failure{})
}

// subsonicAnswer is what of Subsonic's answers is used here.
type subsonicAnswer struct {
	Status string `json:"status"`
	Error  struct {
		Message string `json:"message"`
	} `json:"error"`
	Search struct {
		Items []pageItem `json:"song"`
	} `json:"searchResult3"`
	Scan struct {
		Scanning bool `json:"scanning"`
	} `json:"scanStatus"`
}

// subsonic asks Navidrome's own Subsonic API as this administrator; no password is needed from inside.
func (h host) subsonic(admin, method string, parameters url.Values) (subsonicAnswer, error) {
	parameters.Set("u", admin)
	var outer struct {
		failure
		JSON string `json:"responseJson"`
	}
	uri := map[string]string{"uri": method + "?" + parameters.Encode()}
	if err := h.ask("subsonicapi_call", uri, &outer); err != nil {
		return subsonicAnswer{}, err
	}
	var inner struct {
		Response subsonicAnswer `json:"subsonic-response"`
	}
	if err := json.Unmarshal([]byte(outer.JSON), &inner); err != nil {
		return subsonicAnswer{}, fmt.Errorf("Navidrome's %s answered what this plugin does not understand: %w", method, err)
	}
	if inner.Response.Status != "ok" {
		return subsonicAnswer{}, fmt.Errorf("Navidrome's %s failed: %s", method, inner.Response.Error.Message)
	}
	return inner.Response, nil
}

// pageItem is an item as a search shows it: its path there is made up of its tags.
type pageItem struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Artist string `json:"artist"`
	Album  string `json:"album"`
}

// page returns some items of the whole library, from an offset on.
func (h host) page(admin string, offset, size int) ([]pageItem, error) {
	found, err := h.subsonic(admin, "search3", url.Values{
		"query": {""}, "songCount": {fmt.Sprint(size)}, "songOffset": {fmt.Sprint(offset)},
		"artistCount": {"0"}, "albumCount": {"0"},
	})
	return found.Search.Items, err
}
