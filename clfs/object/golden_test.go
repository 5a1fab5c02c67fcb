package object_test

import (
	"bytes"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/clfstest"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
)

func TestEveryGoldenBlobDecodesAndEncodesBack(t *testing.T) {
	for _, container := range clfstest.Containers {
		t.Run(container, func(t *testing.T) {
			kinds := map[string]int{}
			clfstest.EachBlob(t, container, func(base string, blob []byte) {
				kinds[checkGoldenBlob(t, base, blob)]++
			})
			for _, kind := range []string{
				"bucket", "segment", "directory segment", "regular file", "directory",
				"block device", "character device", "symbolic link", "socket", "fifo",
			} {
				if kinds[kind] == 0 {
					t.Errorf("no %s among %v", kind, kinds)
				}
			}
		})
	}
}

func checkGoldenBlob(t *testing.T, base string, blob []byte) (kind string) {
	t.Helper()
	name, err := clfs.ParseName(base)
	if err != nil {
		t.Fatal(err)
	}
	payload, _, err := compression.Unpack(blob, object.MaxSegmentPayload)
	if err != nil {
		t.Fatal(clfs.WithObject(err, base))
	}
	decoded, err := clfstest.Decode(name, payload)
	if err != nil {
		t.Fatal(clfs.WithObject(err, base))
	}
	if !bytes.Equal(decoded.Encoded, payload) {
		t.Errorf("%s: encoded again: %d bytes that differ from its %d", base, len(decoded.Encoded), len(payload))
	}
	if got := clfs.ObjectName(name.ID, decoded.Owner, decoded.Type, name.Version); got != base {
		t.Errorf("name %s, want %s", got, base)
	}
	checkGoldenRecords(t, base, payload)
	return decoded.Kind
}

func checkGoldenRecords(t *testing.T, base string, payload []byte) {
	t.Helper()
	records, err := object.ParseRecords(payload)
	if err != nil {
		t.Fatal(clfs.WithObject(err, base))
	}
	var joined []byte
	for _, r := range records {
		joined = object.AppendRecord(joined, r.Type, r.Body)
	}
	if !bytes.Equal(joined, payload) {
		t.Errorf("%s: its records joined again differ", base)
	}
}

func TestGoldenDirectoriesHoldTheirPromises(t *testing.T) {
	for _, container := range clfstest.Containers {
		entries := 0
		segments := map[clfs.ID]uint64{} // owner: sum of 4 + length over its further segments
		inodes := map[clfs.ID]*object.Inode{}
		clfstest.EachBlob(t, container, func(base string, blob []byte) {
			payload, _, err := compression.Unpack(blob, object.MaxSegmentPayload)
			if err != nil {
				t.Fatal(err)
			}
			name, err := clfs.ParseName(base)
			if err != nil {
				t.Fatal(err)
			}
			switch name.Type {
			case clfs.TypeDirectory:
				in, err := object.DecodeInode(payload)
				if err != nil {
					t.Fatal(err)
				}
				inodes[in.ID()] = in
				entries += checkGoldenDirents(t, in.Dirents)
			case clfs.TypeSegment:
				if s, err := object.DecodeSegment(payload); err == nil && s.IsDirectory {
					segments[s.Owner] += 4 + uint64(len(s.Dirents))
					entries += checkGoldenDirents(t, s.Dirents)
				}
			}
		})
		for id, in := range inodes {
			if want := 4 + uint64(len(in.Dirents)) + segments[id]; in.Attr.Size != want {
				t.Errorf("%s: directory %s has size %d, its segments say %d", container, id, in.Attr.Size, want)
			}
		}
		if entries < 4000 {
			t.Errorf("%s: only %d entries", container, entries)
		}
	}
}

// checkGoldenDirents re-encodes entries and takes every handle apart.
func checkGoldenDirents(t *testing.T, raw []byte) (count int) {
	t.Helper()
	var again []byte
	for d, err := range object.Dirents(raw) {
		if err != nil {
			t.Fatal(err)
		}
		count++
		again = object.AppendDirent(again, d.Name, d.ID)
		if d.ID == clfs.RootID {
			continue
		}
		h, err := clfs.ParseHandle(d.ID)
		if err != nil {
			t.Fatal(err)
		}
		if h.ID() != d.ID {
			t.Errorf("handle %s comes back as %s", d.ID, h.ID())
		}
	}
	if !bytes.Equal(again, raw) {
		t.Errorf("%d bytes of entries differ when encoded again", len(raw))
	}
	return count
}

// The one rewritten inode and the one symbolic link whose size counts
// characters are how CLFSLoad writes, not damage.
func TestGoldenPeculiaritiesDecode(t *testing.T) {
	rewritten, shortSizes := 0, 0
	clfstest.EachBlob(t, clfstest.Containers[0], func(base string, blob []byte) {
		name, err := clfs.ParseName(base)
		if err != nil {
			t.Fatal(err)
		}
		if name.Type > clfs.TypeFIFO || name.Form != 2 {
			return
		}
		payload, _, err := compression.Unpack(blob, object.MaxSegmentPayload)
		if err != nil {
			t.Fatal(err)
		}
		in, err := object.DecodeInode(payload)
		if err != nil {
			t.Fatal(err)
		}
		if name.Version == 11 && len(in.BackPointers) > 1 {
			rewritten++
		}
		if in.Attr.Type == clfs.TypeSymlink && in.Attr.Size < uint64(len(in.Data)) {
			shortSizes++
		}
	})
	if rewritten == 0 || shortSizes == 0 {
		t.Errorf("%d rewritten inodes with several links, %d links with a short size: want some of both", rewritten, shortSizes)
	}
}
