package main

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
)

const (
	memoryLimit    = 20_000 // items; 160 kB of the 1 MB that Navidrome keeps for a plugin
	entryBytes     = 8
	hourBits       = 16
	hourMask       = 1<<hourBits - 1
	secondsPerHour = 3600
)

// memory holds which items not to ask for again, and until which hour. An item is 48 bits of its id's hash: among
// 20,000 items, one in ten billion is taken for another one, and only until the next day.
type memory struct {
	untilHour map[uint64]int64 // hash -> hours since 1970
	isChanged bool
}

// decodeMemory reads what encode wrote, without what is over; anything else reads as nothing.
func decodeMemory(stored []byte, nowS int64) *memory {
	remembered := &memory{untilHour: make(map[uint64]int64, len(stored)/entryBytes)}
	nowHour := nowS / secondsPerHour
	for ; len(stored) >= entryBytes; stored = stored[entryBytes:] {
		entry := binary.LittleEndian.Uint64(stored)
		// The hour's lower 16 bits are stored: the next or last one of them, whichever is nearer.
		until := nowHour + int64(int16(uint16(entry)-uint16(nowHour)))
		if until > nowHour {
			remembered.untilHour[entry&^hourMask] = until
		}
	}
	return remembered
}

// encode returns 8 bytes an item, the hash's upper 48 bits and the hour's lower 16, in order.
func (m *memory) encode() []byte {
	m.shrink()
	stored := make([]byte, 0, entryBytes*len(m.untilHour))
	for _, key := range slices.Sorted(maps.Keys(m.untilHour)) {
		stored = binary.LittleEndian.AppendUint64(stored, key|uint64(m.untilHour[key]&hourMask))
	}
	return stored
}

func (m *memory) has(id string) bool {
	_, isKnown := m.untilHour[keyOf(id)]
	return isKnown
}

// remember keeps an item for that many hours, at least.
func (m *memory) remember(id string, nowS, hours int64) {
	m.untilHour[keyOf(id)] = nowS/secondsPerHour + hours + 1
	m.isChanged = true
}

// shrink forgets what would be over first.
func (m *memory) shrink() {
	if len(m.untilHour) <= memoryLimit {
		return
	}
	keys := slices.Sorted(maps.Keys(m.untilHour))
	slices.SortStableFunc(keys, func(a, b uint64) int { return cmp.Compare(m.untilHour[a], m.untilHour[b]) })
	for _, key := range keys[:len(keys)-memoryLimit] {
		delete(m.untilHour, key)
	}
}

func keyOf(id string) uint64 {
	hash := fnv.New64a()
	hash.Write([]byte(id)) // never fails
	return hash.Sum64() &^ hourMask
}
