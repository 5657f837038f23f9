//go:build wasip1

package main

import "fmt"

// Each takes the offset of a JSON request and returns the offset of a JSON answer. Each needs the permission that
// manifest.json asks for: Navidrome does not load a plugin that imports more.

//go:wasmimport extism:host/user scheduler_schedulerecurring
func importScheduleRecurring(request uint64) uint64

//go:wasmimport extism:host/user scheduler_scheduleonetime
func importScheduleOneTime(request uint64) uint64

//go:wasmimport extism:host/user users_getadmins
func importGetAdmins(request uint64) uint64

//go:wasmimport extism:host/user subsonicapi_call
func importSubsonicCall(request uint64) uint64

//go:wasmimport extism:host/user matcher_matchsongs
func importMatch(request uint64) uint64

//go:wasmimport extism:host/user library_getalllibraries
func importGetAllLibraries(request uint64) uint64

//go:wasmimport extism:host/user http_send
func importHTTPSend(request uint64) uint64

//go:wasmimport extism:host/user kvstore_get
func importStoreGet(request uint64) uint64

//go:wasmimport extism:host/user kvstore_set
func importStoreSet(request uint64) uint64

// callHost asks one of Navidrome's functions; requests and answers are JSON.
func callHost(function string, request []byte) ([]byte, error) {
	imported, err := importOf(function)
	if err != nil {
		return nil, err
	}
	offset, err := put(request)
	if err != nil {
		return nil, err
	}
	defer kernelFree(offset)
	return take(imported(offset)), nil
}

func importOf(function string) (func(uint64) uint64, error) {
	switch function {
	case "scheduler_schedulerecurring":
		return importScheduleRecurring, nil
	case "scheduler_scheduleonetime":
		return importScheduleOneTime, nil
	case "users_getadmins":
		return importGetAdmins, nil
	case "subsonicapi_call":
		return importSubsonicCall, nil
	case "matcher_matchsongs":
		return importMatch, nil
	case "library_getalllibraries":
		return importGetAllLibraries, nil
	case "http_send":
		return importHTTPSend, nil
	case "kvstore_get":
		return importStoreGet, nil
	case "kvstore_set":
		return importStoreSet, nil
	}
	return nil, fmt.Errorf("%s is not imported", function)
}
