// Spectra's plugin for Navidrome: finds items without tags, asks the daemon about them, has tagged folders scanned.
//
// exports.go   what Navidrome calls, extism.go and imports.go what it offers, as WebAssembly
// host.go      Navidrome's functions, typed      daemon.go  Spectra's two requests
// turn.go      one call: a bounded slice of work, then the next one is scheduled
// sweep.go     the library, page by page         untagged.go  which items have no name
// pending.go   what the daemon works on          scans.go     folders that Navidrome has to read again
// state.go     what outlives a call              memory.go    items that were asked for lately
package main

func main() {}
