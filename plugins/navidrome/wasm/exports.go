//go:build wasip1

package main

import "time"

const (
	exitOK     = 0
	exitFailed = 1
)

//go:wasmexport nd_on_init
func onInit() int32 {
	return exit(begin(host{callHost}, setting, writeLog))
}

//go:wasmexport nd_scheduler_callback
func onSchedule() int32 {
	return exit(work(host{callHost}, setting, writeLog, unixNow, input()))
}

// unixNow returns the seconds since 1970. Navidrome gives its plugins a true clock for this one, not for time.Since.
func unixNow() int64 { return time.Now().Unix() }

// exit turns an error into what Navidrome writes into its log as this call's failure.
func exit(err error) int32 {
	if err == nil {
		return exitOK
	}
	if offset, full := put([]byte(err.Error())); full == nil {
		kernelErrorSet(offset)
	}
	return exitFailed
}
