package trees

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"clfsload/tests/harness"
)

// Broken is a way to break a container; each acts on one blob of the file
// /sizes/text-8404993 of the golden tree.
type Broken struct {
	Name     string
	Segment  int // which blob: a segment from 0 on, or the inode for -1
	Kind     string
	Readable bool // of its contents only cat and export get to know
	Change   func(t *testing.T, path string)
}

var BrokenContainers = []Broken{
	{Name: "missing inode", Segment: -1, Kind: "missing-object", Readable: false, Change: func(t *testing.T, path string) { harness.Remove(t, path) }},
	{Name: "missing segment", Segment: 0, Kind: "missing-object", Readable: true, Change: func(t *testing.T, path string) { harness.Remove(t, path) }},
	{Name: "cut inode", Segment: -1, Kind: "bad-records", Readable: false, Change: func(t *testing.T, path string) { harness.Truncate(t, path, 200) }},
	{Name: "cut segment", Segment: 1, Kind: "bad-records", Readable: true, Change: func(t *testing.T, path string) { harness.Truncate(t, path, 50) }},
	{Name: "empty inode", Segment: -1, Kind: "bad-records", Readable: false, Change: func(t *testing.T, path string) { harness.Truncate(t, path, 0) }},
	{Name: "flipped byte in a segment", Segment: 0, Kind: "bad-records", Readable: true, Change: func(t *testing.T, path string) { harness.FlipByte(t, path, 6) }},
	{Name: "encrypted inode", Segment: -1, Kind: "encrypted", Readable: false, Change: func(t *testing.T, path string) { harness.FlipByte(t, path, 0) }},
	{Name: "inode of another file", Segment: -1, Kind: "own-id", Readable: false, Change: copyOfAnotherFile},
	{Name: "grown blob", Segment: -1, Kind: "oversized-blob", Readable: false, Change: func(t *testing.T, path string) { harness.Truncate(t, path, 64<<20) }},
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
	harness.WriteFile(t, path, string(data))
}

const BrokenFile = "/sizes/text-8404993"

// BlobOf is the blob that a case breaks, and the id of its object.
func (b Broken) BlobOf(t *testing.T, target string) (blob, id string) {
	t.Helper()
	out := harness.Clfsload(t, "stat", "--blobs", "--json", target, BrokenFile).MustExit(harness.ExitOK).Stdout
	var stat struct {
		Blob, ID string
		Segments []struct{ Blob, ID string }
	}
	if err := json.Unmarshal([]byte(out), &stat); err != nil {
		t.Fatal(err)
	}
	if b.Segment < 0 {
		return stat.Blob, stat.ID
	}
	return stat.Segments[b.Segment].Blob, stat.Segments[b.Segment].ID
}
