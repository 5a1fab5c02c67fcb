package object_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/clfstest"
	"clfsload/clfs/object"
)

func TestDirentBytesAreAsDrawn(t *testing.T) {
	dot := object.AppendDirent(nil, []byte("."), clfs.NullHandle)
	both := object.AppendDirent(dot, []byte(".."), clfs.RootID)
	if len(dot) != 31 || len(both) != 31+24 || object.DirentSize(1, 24) != 31 || object.DirentSize(2, 16) != 24 {
		t.Errorf("entries of %d and %d bytes, want 31 and 24", len(dot), len(both)-len(dot))
	}
}

func TestDirentsStopsAtTheFirstError(t *testing.T) {
	good := object.AppendDirent(nil, []byte("name"), clfs.RootID)
	for name, c := range map[string]struct {
		raw    []byte
		offset int64
	}{
		"name cut":       {append(bytes.Clone(good), 9, 0, 0, 0, 'x'), int64(len(good) + 4)},
		"length cut":     {append(bytes.Clone(good), 9, 0), int64(len(good))},
		"no name":        {append(bytes.Clone(good), 0, 0, 0, 0, 1, 0, 'x'), int64(len(good) + 4)},
		"no id":          {append(bytes.Clone(good), 1, 0, 0, 0, 'x', 0, 0), int64(len(good) + 7)},
		"id of 65 bytes": {object.AppendDirent(bytes.Clone(good), []byte("x"), clfs.ID(make([]byte, 65))), int64(len(good) + 7)},
	} {
		var entries, failures int
		for d, err := range object.Dirents(c.raw) {
			var fe *clfs.FormatError
			switch {
			case err == nil && string(d.Name) == "name" && d.ID == clfs.RootID:
				entries++
			case errors.As(err, &fe) && fe.Offset == c.offset:
				failures++
			default:
				t.Errorf("%s: %q, %v, want offset %d", name, d.Name, err, c.offset)
			}
		}
		if entries != 1 || failures != 1 {
			t.Errorf("%s: %d entries, %d failures", name, entries, failures)
		}
	}
	for _, err := range object.Dirents(append(good, good...)) {
		if err != nil {
			t.Error(err)
		}
		break // must not be called again after this
	}
}

func TestDirectorySegmentsMatchVectors(t *testing.T) {
	for _, v := range clfstest.LoadVectors(t).DirSegments {
		sizes := []int{object.DirentSize(1, 24), object.DirentSize(2, 16)}
		for _, run := range v.NameLengths {
			for range run[1] {
				sizes = append(sizes, object.DirentSize(run[0], 24))
			}
		}
		segments := []int{0}
		for _, size := range sizes {
			last := len(segments) - 1
			if !object.DirentFits(last == 0, segments[last], size) {
				segments = append(segments, 0)
				last++
			}
			segments[last] += size
		}
		if !slices.Equal(segments, v.Segments) {
			t.Errorf("%v: segments %v, want %v", v.NameLengths, segments, v.Segments)
		}
	}
}
