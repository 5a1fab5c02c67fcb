package clfs_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path"
	"testing"

	"github.com/pierrec/lz4/v4"

	"clfsload/clfs"
)

const goldenDir = "../testdata/golden/"

var goldenContainers = []string{"container-lz4-hardlinks.tar.gz", "container-raw.tar.gz"}

// eachGoldenBlob calls do for every blob of a golden container, and fails the
// test if there is none.
func eachGoldenBlob(t testing.TB, container string, do func(name string, blob []byte)) {
	t.Helper()
	f, err := os.Open(goldenDir + container)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	count, files := 0, tar.NewReader(unzipped)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		blob, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		count++
		do(path.Base(header.Name), blob)
	}
	if count < 4000 {
		t.Fatalf("%s: %d blobs, it should hold more than 4000", container, count)
	}
}

// A goldenObject is what a blob decodes to, as far as names depend on it.
type goldenObject struct {
	kind    string
	owner   clfs.ID
	btype   clfs.Type
	encoded []byte
}

// decodeGolden decodes a payload by the type in its name and encodes it again.
func decodeGolden(name clfs.Name, payload []byte) (goldenObject, error) {
	switch {
	case name.ID == clfs.BucketID:
		b, err := clfs.DecodeBucket(payload)
		return goldenObject{"bucket", "", clfs.TypeSpecial, b.Append(nil)}, err
	case name.Type == clfs.TypeIndirect:
		b, err := clfs.DecodeIndirect(payload)
		return goldenObject{"indirect", b.Owner, name.Type, b.Append(nil)}, err
	case name.Type == clfs.TypeSegment:
		s, err := clfs.DecodeSegment(payload)
		kind := "segment"
		if s.IsDirectory {
			kind = "directory segment"
		}
		return goldenObject{kind, s.Owner, name.Type, encodeSegment(s)}, err
	}
	in, err := clfs.DecodeInode(payload)
	if err != nil {
		return goldenObject{}, err
	}
	if len(in.Unknown) > 0 {
		return goldenObject{}, errors.New("records without a field")
	}
	owner, err := ownerOf(in)
	return goldenObject{in.Attr.Type.String(), owner, in.Attr.Type, in.Append(nil)}, err
}

func encodeSegment(s clfs.Segment) []byte {
	if s.IsDirectory {
		return clfs.AppendDirSegment(nil, s.Dirents, s.Ctime, s.Offset, s.Owner)
	}
	buf := make([]byte, clfs.SegmentDataOffset, clfs.SegmentDataOffset+len(s.Data)+128)
	return clfs.FinishSegment(append(buf, s.Data...), len(s.Data), s.Ctime, s.Offset, s.Owner)
}

// ownerOf is the id that an inode's name is made with.
func ownerOf(in *clfs.Inode) (clfs.ID, error) {
	if in.Attr.Type != clfs.TypeDirectory {
		return in.BackPointers[0], nil
	}
	for d, err := range clfs.Dirents(in.Dirents) {
		if err != nil || string(d.Name) == ".." {
			return d.ID, err
		}
	}
	return "", errors.New("directory without ..")
}

func TestEveryGoldenBlobDecodesAndEncodesBack(t *testing.T) {
	for _, container := range goldenContainers {
		t.Run(container, func(t *testing.T) {
			kinds := map[string]int{}
			eachGoldenBlob(t, container, func(base string, blob []byte) {
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
	payload, _, err := clfs.Unpack(blob, clfs.MaxSegmentPayload)
	if err != nil {
		t.Fatal(clfs.WithObject(err, base))
	}
	object, err := decodeGolden(name, payload)
	if err != nil {
		t.Fatal(clfs.WithObject(err, base))
	}
	if !bytes.Equal(object.encoded, payload) {
		t.Errorf("%s: encoded again: %d bytes that differ from its %d", base, len(object.encoded), len(payload))
	}
	if got := clfs.ObjectName(name.ID, object.owner, object.btype, name.Version); got != base {
		t.Errorf("name %s, want %s", got, base)
	}
	checkGoldenRecords(t, base, payload)
	checkGoldenPacking(t, base, payload)
	return object.kind
}

func checkGoldenRecords(t *testing.T, base string, payload []byte) {
	t.Helper()
	records, err := clfs.ParseRecords(payload)
	if err != nil {
		t.Fatal(clfs.WithObject(err, base))
	}
	var joined []byte
	for _, r := range records {
		joined = clfs.AppendRecord(joined, r.Type, r.Body)
	}
	if !bytes.Equal(joined, payload) {
		t.Errorf("%s: its records joined again differ", base)
	}
}

func checkGoldenPacking(t *testing.T, base string, payload []byte) {
	t.Helper()
	for _, c := range []clfs.Compression{clfs.CompressionNone, clfs.CompressionLZ4} {
		got, _, err := clfs.Unpack(clfs.Pack(nil, payload, c), clfs.MaxSegmentPayload)
		if err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%s: packed with compression %d and unpacked: %v, %d bytes of %d", base, c, err, len(got), len(payload))
		}
	}
}

func TestUnpackReadsTrulyLinkedFrames(t *testing.T) {
	linked := 0
	eachGoldenBlob(t, goldenContainers[0], func(base string, blob []byte) {
		payload, c, err := clfs.Unpack(blob, clfs.MaxSegmentPayload)
		if err != nil {
			t.Fatal(clfs.WithObject(err, base))
		}
		if c == clfs.CompressionLZ4 && len(payload) > 1<<18 && anyBlockRefersBack(blob) {
			linked++
		}
	})
	if linked < 3 {
		t.Errorf("%d blobs with linked blocks: too few to say anything", linked)
	}
}

// anyBlockRefersBack tells whether a frame has a block that cannot be
// decompressed without the one before.
func anyBlockRefersBack(blob []byte) bool {
	for pos := 4 + 7; ; {
		length := int(binary.LittleEndian.Uint32(blob[pos:]))
		if length == 0 {
			return false
		}
		pos += 4
		if _, err := lz4.UncompressBlock(blob[pos:pos+length], make([]byte, 1<<18)); err != nil {
			return true
		}
		pos += length
	}
}

func TestGoldenDirectoriesHoldTheirPromises(t *testing.T) {
	for _, container := range goldenContainers {
		entries := 0
		segments := map[clfs.ID]uint64{} // owner: sum of 4 + length over its further segments
		inodes := map[clfs.ID]*clfs.Inode{}
		eachGoldenBlob(t, container, func(base string, blob []byte) {
			payload, _, err := clfs.Unpack(blob, clfs.MaxSegmentPayload)
			if err != nil {
				t.Fatal(err)
			}
			name, err := clfs.ParseName(base)
			if err != nil {
				t.Fatal(err)
			}
			switch name.Type {
			case clfs.TypeDirectory:
				in, err := clfs.DecodeInode(payload)
				if err != nil {
					t.Fatal(err)
				}
				inodes[in.ID()] = in
				entries += checkGoldenDirents(t, in.Dirents)
			case clfs.TypeSegment:
				if s, err := clfs.DecodeSegment(payload); err == nil && s.IsDirectory {
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
	for d, err := range clfs.Dirents(raw) {
		if err != nil {
			t.Fatal(err)
		}
		count++
		again = clfs.AppendDirent(again, d.Name, d.ID)
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
	eachGoldenBlob(t, goldenContainers[0], func(base string, blob []byte) {
		name, err := clfs.ParseName(base)
		if err != nil {
			t.Fatal(err)
		}
		if name.Type > clfs.TypeFIFO || name.Form != 2 {
			return
		}
		payload, _, err := clfs.Unpack(blob, clfs.MaxSegmentPayload)
		if err != nil {
			t.Fatal(err)
		}
		in, err := clfs.DecodeInode(payload)
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
