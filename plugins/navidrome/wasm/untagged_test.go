package main

import "testing"

func TestPlaceholdersAreNoTitles(t *testing.T) {
	for _, title := range []string{"", "  ", "Track 01", "track_7", "AudioTrack 03", "Track", "TRACK #12"} {
		if !isPlaceholder(title) {
			t.Errorf("%q passes for a title", title)
		}
	}
	for _, title := range []string{"Tracks", "Track 1 (Live)", "Audio", "99 Problems", "So What"} {
		if isPlaceholder(title) {
			t.Errorf("%q is taken for a placeholder", title)
		}
	}
}

func TestAFileThatIsTitledAsItIsCalledHasNoName(t *testing.T) {
	for title, want := range map[string]bool{"a.b.mp3": true, "a.b": true, "a": false, "A.B": false} {
		if isUntagged(&track{Path: "x/a.b.mp3", Title: title, Artist: "Somebody"}) != want {
			t.Errorf("a.b.mp3 with the title %q: want untagged to be %v", title, want)
		}
	}
}
