package main

import (
	"fmt"
	"testing"
)

const aNowS = 500_000 * secondsPerHour

func remembering(items int, hours int64) *memory {
	filled := decodeMemory(nil, aNowS)
	for number := range items {
		filled.remember(fmt.Sprint(number), aNowS, hours)
	}
	return filled
}

func TestAMemoryIsStoredInEightBytesAnItem(t *testing.T) {
	stored := remembering(1000, 24).encode()
	if len(stored) != 8000 {
		t.Errorf("%d bytes", len(stored))
	}
	read := decodeMemory(stored, aNowS)
	for number := range 1000 {
		if !read.has(fmt.Sprint(number)) {
			t.Fatalf("%d is lost", number)
		}
	}
	if read.has("1000") {
		t.Error("what was never asked for is remembered")
	}
}

func TestAnItemIsForgottenWhenItsTimeIsOver(t *testing.T) {
	stored := remembering(1, 24).encode()
	for hours, want := range map[int64]bool{0: true, 23: true, 24: true, 25: false, 1000: false, 30_000: false} {
		if decodeMemory(stored, aNowS+hours*secondsPerHour).has("0") != want {
			t.Errorf("after %d h: want %v", hours, want)
		}
	}
}

func TestTimesAreReadAcrossTheEndOfTheirSixteenBits(t *testing.T) {
	edge := int64(8*65536-1) * secondsPerHour
	filled := decodeMemory(nil, edge)
	filled.remember("a", edge, 24)
	if !decodeMemory(filled.encode(), edge+10*secondsPerHour).has("a") {
		t.Error("forgotten too early")
	}
}

func TestAFullMemoryForgetsWhatIsOverFirst(t *testing.T) {
	filled := remembering(memoryLimit, 24)
	filled.remember("short", aNowS, 1)
	filled.remember("long", aNowS, 48)
	read := decodeMemory(filled.encode(), aNowS)
	if len(read.untilHour) != memoryLimit || read.has("short") || !read.has("long") {
		t.Errorf("%d items, short %v, long %v", len(read.untilHour), read.has("short"), read.has("long"))
	}
}

func FuzzAnyStoredBytesAreRead(f *testing.F) {
	f.Add([]byte("0123456789"))
	f.Fuzz(func(t *testing.T, stored []byte) {
		decodeMemory(stored, aNowS).encode()
	})
}
