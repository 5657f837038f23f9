//go:build wasip1

package main

import (
	"encoding/binary"
	"errors"
)

// The kernel of Extism: memory blocks outside of this module, named by their offset.

//go:wasmimport extism:host/env alloc
func kernelAlloc(length uint64) uint64

//go:wasmimport extism:host/env free
func kernelFree(offset uint64)

//go:wasmimport extism:host/env length
func kernelLength(offset uint64) uint64

//go:wasmimport extism:host/env load_u8
func kernelLoadByte(offset uint64) uint32

//go:wasmimport extism:host/env load_u64
func kernelLoadWord(offset uint64) uint64

//go:wasmimport extism:host/env store_u8
func kernelStoreByte(offset uint64, value uint32)

//go:wasmimport extism:host/env store_u64
func kernelStoreWord(offset uint64, value uint64)

//go:wasmimport extism:host/env input_length
func kernelInputLength() uint64

//go:wasmimport extism:host/env input_load_u8
func kernelInputByte(at uint64) uint32

//go:wasmimport extism:host/env error_set
func kernelErrorSet(offset uint64)

//go:wasmimport extism:host/env config_get
func kernelConfigGet(key uint64) uint64

//go:wasmimport extism:host/env log_debug
func kernelLogDebug(offset uint64)

//go:wasmimport extism:host/env log_info
func kernelLogInfo(offset uint64)

//go:wasmimport extism:host/env log_warn
func kernelLogWarn(offset uint64)

const wordBytes = 8

var errNoMemory = errors.New("Navidrome gives this call no more memory")

// put copies bytes into a new block and returns its offset; the receiver frees it.
func put(content []byte) (uint64, error) {
	offset := kernelAlloc(uint64(len(content)))
	if offset == 0 && len(content) > 0 {
		return 0, errNoMemory
	}
	at := 0
	for ; at+wordBytes <= len(content); at += wordBytes {
		kernelStoreWord(offset+uint64(at), binary.LittleEndian.Uint64(content[at:]))
	}
	for ; at < len(content); at++ {
		kernelStoreByte(offset+uint64(at), uint32(content[at]))
	}
	return offset, nil
}

// input returns what this call was given.
func input() []byte {
	content := make([]byte, kernelInputLength())
	for at := range content {
		content[at] = byte(kernelInputByte(uint64(at)))
	}
	return content
}

// take copies a block's bytes and frees it; offset 0 is no block.
func take(offset uint64) []byte {
	if offset == 0 {
		return nil
	}
	defer kernelFree(offset)
	content := make([]byte, kernelLength(offset))
	at := 0
	for ; at+wordBytes <= len(content); at += wordBytes {
		binary.LittleEndian.PutUint64(content[at:], kernelLoadWord(offset+uint64(at)))
	}
	for ; at < len(content); at++ {
		content[at] = byte(kernelLoadByte(offset + uint64(at)))
	}
	return content
}

// setting returns what the user entered, or nothing.
func setting(name string) string {
	key, err := put([]byte(name))
	if err != nil {
		return ""
	}
	defer kernelFree(key)
	return string(take(kernelConfigGet(key)))
}

// writeLog hands a sentence to Navidrome's log.
func writeLog(level logLevel, sentence string) {
	offset, err := put([]byte(sentence))
	if err != nil {
		return
	}
	defer kernelFree(offset)
	switch level {
	case levelDebug:
		kernelLogDebug(offset)
	case levelInfo:
		kernelLogInfo(offset)
	case levelWarn:
		kernelLogWarn(offset)
	}
}
