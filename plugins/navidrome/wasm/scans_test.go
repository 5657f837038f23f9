package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestAFolderIsNotedOnce(t *testing.T) {
	var noted state
	for range 3 {
		noted.addFolder(folder{1, "a"})
		noted.addFolder(folder{2, "a"})
	}
	if len(noted.Folders) != 2 {
		t.Error(noted.Folders)
	}
}

func TestAWholeLibraryCoversItsFolders(t *testing.T) {
	var noted state
	for _, each := range []folder{{1, "a"}, {2, "b"}, {1, ""}, {1, "c"}} {
		noted.addFolder(each)
	}
	if fmt.Sprint(noted.Folders) != "[{2 b} {1 }]" {
		t.Error(noted.Folders)
	}
}

func TestTooManyFoldersBecomeTheirLibrary(t *testing.T) {
	var noted state
	for number := range 10 * folderLimit {
		noted.addFolder(folder{number % 3, fmt.Sprint(number)})
	}
	if len(noted.Folders) > folderLimit {
		t.Errorf("%d folders", len(noted.Folders))
	}
}

func TestTheTargetOfAFileIsItsFolderOrItsLibrary(t *testing.T) {
	for path, want := range map[string]string{
		"a/b/c.mp3": "a/b", "c.mp3": "", "a /c.mp3": "", " a/c.mp3": "", strings.Repeat("x", 1001) + "/c.mp3": "",
	} {
		if got := folderOf(&track{LibraryID: 1, Path: path}).Path; got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
