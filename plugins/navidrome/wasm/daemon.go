package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	requestTimeoutMs = 5_000 // a daemon that hangs must not use up a call
	shortestHoldS    = 5
	longestHoldS     = 900
	usualHoldS       = 60  // for an answer that does not say how long
	sentenceLimit    = 300 // bytes

	// Not from net/http, which would add 2 MB to the plugin.
	statusUnauthorized    = 401
	statusTooManyRequests = 429
	statusUnavailable     = 503
)

// daemon is Spectra, over HTTP.
type daemon struct {
	host        host
	config      config
	requests    int  // in this call
	hasAnswered bool // as Spectra does, in this call
}

// refusal is the daemon's answer about one item: it can't be looked up.
type refusal struct{ sentence string }

func (r *refusal) Error() string { return r.sentence }

// trouble is why the daemon can't be asked at all for now.
type trouble struct {
	kind     string
	sentence string
	holdS    int64 // or untilNextCronRun
}

// The kinds of trouble. The log names each once, until the daemon answers again.
const (
	tokenRefused = "token refused" // a person has to act
	daemonBusy   = "busy"
	daemonFailed = "failed" // perhaps because of the item that it was asked about
	unreachable  = "unreachable"
	notSpectra   = "not Spectra"
)

func (t *trouble) Error() string { return t.sentence }

// lookUp is what the daemon is asked for.
type lookUp struct {
	LibraryPath  string  `json:"library_path"` // as Navidrome sees it
	RelativePath string  `json:"relative_path"`
	Size         int64   `json:"size"` // bytes
	DurationS    float64 `json:"duration_s"`
	Source       string  `json:"source"`
	ItemID       string  `json:"item_id"`
}

// task is how far the daemon is with a look-up.
type task struct {
	Status string `json:"status"` // pending, success, fail
	Result []struct {
		Outcome string `json:"outcome"`
	} `json:"result"`
	Error string `json:"error"`
}

// begin has an item looked up; it returns the task to ask for.
func (d *daemon) begin(wanted lookUp) (string, error) {
	body, err := json.Marshal(wanted)
	if err != nil {
		return "", err
	}
	var accepted struct {
		TaskID string `json:"task_id"`
	}
	if err := d.exchange("POST", "/lookup", body, &accepted); err != nil {
		return "", err
	}
	if accepted.TaskID == "" || len(accepted.TaskID) > sentenceLimit || strings.ContainsAny(accepted.TaskID, "/?#%") {
		return "", d.notSpectra("no task")
	}
	return accepted.TaskID, nil
}

// task asks how far a look-up is.
func (d *daemon) task(id string) (task, error) {
	var asked task
	err := d.exchange("GET", "/task_status/"+id, nil, &asked)
	return asked, err
}

// httpAnswer is what came back over HTTP.
type httpAnswer struct {
	Status  int               `json:"statusCode"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`
}

// exchange asks the daemon and reads its JSON answer; its errors are refusals, troubles, and no others.
func (d *daemon) exchange(method, path string, body []byte, into any) error {
	type httpRequest struct {
		Method    string            `json:"method"`
		URL       string            `json:"url"`
		Headers   map[string]string `json:"headers"`
		Body      []byte            `json:"body,omitempty"`
		TimeoutMs int               `json:"timeoutMs"`
		// The token is for the address that was entered, for no other.
		NoFollowRedirects bool `json:"noFollowRedirects"`
	}
	headers := map[string]string{"Authorization": "Bearer " + d.config.token, "Accept": "application/json"}
	if body != nil {
		headers["Content-Type"] = "application/json"
	}
	request := map[string]httpRequest{
		"request": {method, d.config.daemonURL + path, headers, body, requestTimeoutMs, true},
	}
	var sent struct {
		failure
		Result *httpAnswer `json:"result"`
	}
	d.requests++
	if err := d.host.ask("http_send", request, &sent); err != nil {
		return d.unreachable(err)
	}
	if sent.Result == nil {
		return d.unreachable(errors.New("no answer"))
	}
	return d.judge(*sent.Result, into)
}

func (d *daemon) judge(answered httpAnswer, into any) error {
	said := sentenceOf(answered.Body)
	switch status := answered.Status; {
	case status >= 200 && status < 300:
		if json.Unmarshal(answered.Body, into) != nil {
			return d.notSpectra("not JSON")
		}
		d.hasAnswered = true
		return nil
	case status == statusUnauthorized:
		return &trouble{kind: tokenRefused, holdS: untilNextCronRun, sentence: "Spectra refuses the token: enter what " +
			"`spectra token add navidrome --scope match` prints on its machine into the setting token of this plugin. Nothing is looked up until then"}
	case status == statusTooManyRequests || status == statusUnavailable:
		holdS := retryAfterS(answered.Headers)
		return &trouble{kind: daemonBusy, holdS: holdS, sentence: fmt.Sprintf("Spectra has no time (%s): it is asked again in %d s", said, holdS)}
	case status >= 400 && status < 500 && said != "":
		d.hasAnswered = true
		return &refusal{said}
	case status >= 500:
		return &trouble{kind: daemonFailed, holdS: untilNextCronRun, sentence: fmt.Sprintf(
			"Spectra failed to answer (%d %s): its own log says why. It is asked again at the next run", status, said)}
	default:
		return d.notSpectra(fmt.Sprintf("status %d", status))
	}
}

func (d *daemon) unreachable(err error) error {
	return &trouble{kind: unreachable, holdS: untilNextCronRun, sentence: fmt.Sprintf("Spectra does not answer at %s (%s): does it run, and can "+
		"Navidrome reach that address, from inside of its container? It is asked again at the next run", d.config.daemonURL, err)}
}

func (d *daemon) notSpectra(what string) error {
	return &trouble{kind: notSpectra, holdS: untilNextCronRun, sentence: fmt.Sprintf(
		"%s does not answer as Spectra does (%s): correct the setting daemon_url", d.config.daemonURL, what)}
}

// sentenceOf returns what the daemon's `{"error": "sentence"}` says, or nothing; shortened, it ends up in a log.
func sentenceOf(body []byte) string {
	var said failure
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	return strings.ToValidUTF8(said.Error[:min(len(said.Error), sentenceLimit)], "")
}

// retryAfterS returns the seconds that a busy daemon asks for, within bounds.
func retryAfterS(headers map[string]string) int64 {
	for name, value := range headers {
		if !strings.EqualFold(name, "Retry-After") {
			continue
		}
		if seconds, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil {
			return min(max(seconds, shortestHoldS), longestHoldS)
		}
	}
	return usualHoldS
}
