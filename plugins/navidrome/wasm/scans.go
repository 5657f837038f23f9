package main

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

const (
	foldersPerScan  = 20
	scanPollS       = 15  // while Navidrome scans
	scanRetryS      = 300 // after it refused
	oneScanAtATimeS = 15
)

// folderOf returns the scan target that a file lies in.
func folderOf(found *track) folder {
	inside := path.Dir(found.Path)
	// Navidrome trims its targets; the library as a whole is always right.
	if inside == "." || inside == "/" || len(inside) > folderNameLimit || strings.TrimSpace(inside) != inside {
		inside = ""
	}
	return folder{Library: found.LibraryID, Path: inside}
}

// addFolder notes that a folder has new tags in it.
func (s *state) addFolder(changed folder) {
	whole := folder{Library: changed.Library}
	if slices.Contains(s.Folders, changed) || slices.Contains(s.Folders, whole) {
		return
	}
	if changed == whole || len(s.Folders) >= folderLimit {
		s.Folders = slices.DeleteFunc(s.Folders, func(each folder) bool { return each.Library == changed.Library })
		changed = whole
	}
	s.Folders = append(s.Folders, changed)
}

// isScanHeld tells whether no scan is to be asked for yet. A time further ahead than any is from before the clock was set.
func (t *turn) isScanHeld() bool {
	return t.now() < t.state.ScanAfter && t.state.ScanAfter <= t.now()+scanRetryS
}

// scanFolders asks Navidrome to read changed folders again, some at a time, and never while it scans.
func (t *turn) scanFolders() error {
	if len(t.state.Folders) == 0 || t.isScanHeld() {
		return nil
	}
	status, err := t.host.subsonic(t.admin, "getScanStatus", url.Values{})
	if err != nil {
		t.state.ScanAfter = t.now() + scanRetryS
		return err
	}
	if status.Scan.Scanning {
		t.state.ScanAfter = t.now() + scanPollS
		return nil
	}
	batch := t.state.Folders[:min(foldersPerScan, len(t.state.Folders))]
	targets := url.Values{}
	for _, each := range batch {
		targets.Add("target", fmt.Sprintf("%d:%s", each.Library, each.Path))
	}
	if _, err := t.host.subsonic(t.admin, "startScan", targets); err != nil {
		t.state.ScanAfter = t.now() + scanRetryS
		return err
	}
	t.log(levelInfo, fmt.Sprintf("Navidrome reads %d folders with new tags again", len(batch)))
	t.state.Folders = slices.Clone(t.state.Folders[len(batch):])
	t.state.ScanAfter = t.now() + oneScanAtATimeS
	return nil
}
