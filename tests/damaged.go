package tests

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// broken is a way to break a container; each acts on one blob of the file
// /sizes/text-8404993 of the golden tree.
type broken struct {
	name     string
	segment  int // which blob: a segment from 0 on, or the inode for -1
	kind     string
	readable bool // of its contents only cat and export get to know
	change   func(t *testing.T, path string)
}

var brokenContainers = []broken{
	{name: "missing inode", segment: -1, kind: "missing-object", readable: false, change: func(t *testing.T, path string) { remove(t, path) }},
	{name: "missing segment", segment: 0, kind: "missing-object", readable: true, change: func(t *testing.T, path string) { remove(t, path) }},
	{name: "cut inode", segment: -1, kind: "bad-records", readable: false, change: func(t *testing.T, path string) { truncate(t, path, 200) }},
	{name: "cut segment", segment: 1, kind: "bad-records", readable: true, change: func(t *testing.T, path string) { truncate(t, path, 50) }},
	{name: "empty inode", segment: -1, kind: "bad-records", readable: false, change: func(t *testing.T, path string) { truncate(t, path, 0) }},
	{name: "flipped byte in a segment", segment: 0, kind: "bad-records", readable: true, change: func(t *testing.T, path string) { flipByte(t, path, 6) }},
	{name: "encrypted inode", segment: -1, kind: "encrypted", readable: false, change: func(t *testing.T, path string) { flipByte(t, path, 0) }},
	{name: "inode of another file", segment: -1, kind: "own-id", readable: false, change: copyOfAnotherFile},
	{name: "grown blob", segment: -1, kind: "oversized-blob", readable: false, change: func(t *testing.T, path string) { truncate(t, path, 64<<20) }},
}

// copyOfAnotherFile puts another file's inode into a blob.
func copyOfAnotherFile(t *testing.T, path string) {
	t.Helper()
	others, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.0001.*"))
	if err != nil || len(others) < 2 {
		t.Fatalf("blobs of files: %q, %v", others, err)
	}
	others = slices.DeleteFunc(others, func(other string) bool { return other == path })
	data, err := os.ReadFile(others[0])
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, string(data))
}

const brokenFile = "/sizes/text-8404993"

// blobOf is the blob that a case breaks, and the id of its object.
func (b broken) blobOf(t *testing.T, target string) (blob, id string) {
	t.Helper()
	out := clfsload(t, "stat", "--blobs", "--json", target, brokenFile).mustExit(exitOK).stdout
	var stat struct {
		Blob, ID string
		Segments []struct{ Blob, ID string }
	}
	if err := json.Unmarshal([]byte(out), &stat); err != nil {
		t.Fatal(err)
	}
	if b.segment < 0 {
		return stat.Blob, stat.ID
	}
	return stat.Segments[b.segment].Blob, stat.Segments[b.segment].ID
}
