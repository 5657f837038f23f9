package main

import (
	"path"
	"strings"
)

// mayBeUntagged tells from what a search shows whether an item is worth a closer look.
func mayBeUntagged(item pageItem) bool {
	return isUnknown(item.Artist) || isUnknown(item.Album) || isPlaceholder(item.Title)
}

// isUntagged tells whether a file has no name that means something: Navidrome shows its base name as the title then.
func isUntagged(found *track) bool {
	base := path.Base(found.Path)
	stem := strings.TrimSuffix(base, path.Ext(base))
	return isUnknown(found.Artist) || isPlaceholder(found.Title) || found.Title == base || found.Title == stem
}

// isUnknown recognises what Navidrome and taggers write where they know no artist or album.
func isUnknown(name string) bool {
	switch strings.ToLower(strings.Trim(name, " \t[](){}<>")) {
	case "", "unknown", "unknown artist", "unknown album":
		return true
	}
	return false
}

// isPlaceholder recognises titles that number a track and nothing else.
func isPlaceholder(title string) bool {
	title = strings.ToLower(strings.TrimSpace(title))
	if title == "" {
		return true
	}
	number, isTrack := strings.CutPrefix(strings.TrimPrefix(title, "audio"), "track")
	return isTrack && strings.Trim(number, " _-#0123456789") == ""
}
