package clfs_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"clfsload/clfs"
)

// The vectors that came with the format.
type vectors struct {
	Hashes []struct{ ID, FNV1, Murmur2 string }
	Names  []struct {
		ID, Owner string
		BType     clfs.Type
		Version   uint32
		Name      string
	}
	Handles []struct {
		ContainerID uint32
		DmidSrc     uint8 `json:"dmid_src"`
		DmidTgt     uint8 `json:"dmid_tgt"`
		FType       uint8
		Seq         uint64
		Random      uint64 `json:",string"`
		Handle      string
	}
	Indirect struct {
		Handle, Parent string
		Cases          []indirectCase
	}
	Compression []struct {
		Payload     string
		Length      int
		SHA256      string
		Compression clfs.Compression
	}
	DirSegments []struct {
		NameLengths [][2]int `json:"name_lengths_in_order_runlength"`
		Segments    []int
	}
}

type encodedObject struct {
	ID, SHA256, Name string
	Length           int
}

type indirectCase struct {
	Blocks, Size uint64
	Inode        encodedObject
	Indirect     []encodedObject
	Roots        []string
}

func loadVectors(t testing.TB) vectors {
	t.Helper()
	raw, err := os.ReadFile(goldenDir + "vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	for part, n := range map[string]int{
		"hashes": len(v.Hashes), "names": len(v.Names), "handles": len(v.Handles), "indirect": len(v.Indirect.Cases),
		"compression": len(v.Compression), "dirsegments": len(v.DirSegments),
	} {
		if n == 0 {
			t.Fatalf("no %s in the vectors", part)
		}
	}
	return v
}

// unhex reads hex digits of any number of bytes, none among them.
func unhex(t testing.TB, s string) clfs.ID {
	t.Helper()
	raw, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return clfs.ID(raw)
}

func TestHashesMatchVectors(t *testing.T) {
	for _, v := range loadVectors(t).Hashes {
		id := unhex(t, v.ID)
		if got := fmt.Sprintf("%08x", clfs.FNV1(id)); got != v.FNV1 {
			t.Errorf("fnv1(%s) = %s, want %s", v.ID, got, v.FNV1)
		}
		if got := fmt.Sprintf("%08x", clfs.Murmur2([]byte(id))); got != v.Murmur2 {
			t.Errorf("murmur2(%s) = %s, want %s", v.ID, got, v.Murmur2)
		}
		if got := fmt.Sprintf("%016x", id.Hash()); got != v.FNV1+v.Murmur2 {
			t.Errorf("hash64(%s) = %s, want %s%s", v.ID, got, v.FNV1, v.Murmur2)
		}
	}
}

func TestNamesMatchVectors(t *testing.T) {
	for _, v := range loadVectors(t).Names {
		id := unhex(t, v.ID)
		got := clfs.ObjectName(id, unhex(t, v.Owner), v.BType, v.Version)
		if got != v.Name {
			t.Errorf("name %s, want %s", got, v.Name)
		}
		n, err := clfs.ParseName(v.Name)
		if err != nil || n.ID != id || n.Version != v.Version || n.String() != v.Name {
			t.Errorf("%s parses to %+v, %v", v.Name, n, err)
		}
		if prefix := clfs.NamePrefix(id); !strings.HasPrefix(v.Name, prefix) || !strings.HasSuffix(prefix, ".") {
			t.Errorf("%s does not begin with the prefix %s", v.Name, prefix)
		}
	}
}

func TestHandlesMatchVectors(t *testing.T) {
	types := [...]clfs.Type{
		1: clfs.TypeDirectory, 2: clfs.TypeRegular, 3: clfs.TypeSymlink, 4: clfs.TypeBlock,
		5: clfs.TypeChar, 6: clfs.TypeSocket, 7: clfs.TypeFIFO,
	}
	for _, v := range loadVectors(t).Handles {
		h := clfs.Handle{
			ContainerID: v.ContainerID, DirMgrSource: v.DmidSrc, DirMgrTarget: v.DmidTgt,
			Type: types[v.FType], Sequence: v.Seq, Random: v.Random,
		}
		id := unhex(t, v.Handle)
		if h.ID() != id {
			t.Errorf("%+v is %s, want %s", h, h.ID(), id)
		}
		h.ContainerID &= 1<<27 - 1
		if got, err := clfs.ParseHandle(id); err != nil || got != h {
			t.Errorf("%s parses to %+v, %v, want %+v", id, got, err, h)
		}
		if id.DirMgr() != v.DmidTgt {
			t.Errorf("%s: directory manager %d, want %d", id, id.DirMgr(), v.DmidTgt)
		}
	}
}

func truncatedSHA(s string) clfs.ID {
	sum := sha256.Sum256([]byte(s))
	return clfs.ID(sum[:16])
}

func TestIndirectBlocksMatchVectors(t *testing.T) {
	v := loadVectors(t).Indirect
	for _, c := range v.Cases {
		t.Run(fmt.Sprint(c.Blocks), func(t *testing.T) {
			checkIndirectCase(t, unhex(t, v.Handle), unhex(t, v.Parent), c)
		})
	}
}

func checkIndirectCase(t *testing.T, handle, parent clfs.ID, c indirectCase) {
	var emitted []encodedObject
	newID := func(int, int, uint64) clfs.ID { return truncatedSHA(fmt.Sprintf("indirect-%d", len(emitted))) }
	b := clfs.NewMapBuilder(handle, newID, func(id clfs.ID, b clfs.IndirectBlock) error {
		b.Ctime = 1400000001
		payload := b.Append(nil)
		decoded, err := clfs.DecodeIndirect(payload)
		if err != nil || !bytes.Equal(decoded.Append(nil), payload) {
			t.Errorf("indirect block %s does not survive decoding: %v", id, err)
		}
		name := clfs.ObjectName(id, handle, clfs.TypeIndirect, clfs.FirstVersion)
		emitted = append(emitted, encodedObject{strings.ToLower(id.String()), digest(payload), name, len(payload)})
		return nil
	})
	for n := uint64(1); n < c.Blocks; n++ {
		if err := b.Add(truncatedSHA(fmt.Sprintf("block-%d", n))); err != nil {
			t.Fatal(err)
		}
	}
	direct, roots, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(emitted, c.Indirect) {
		t.Errorf("indirect blocks %+v, want %+v", emitted, c.Indirect)
	}
	for i, root := range roots {
		if root != unhex(t, c.Roots[i]) {
			t.Errorf("root %d is %s, want %s", i, root, c.Roots[i])
		}
	}
	in := vectorInode(parent, c.Size, direct, roots)
	if payload := in.Append(nil); digest(payload) != c.Inode.SHA256 || len(payload) != c.Inode.Length {
		t.Errorf("inode of %d bytes with sha256 %s, want %+v", len(payload), digest(payload), c.Inode)
	}
}

func digest(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

// vectorInode is the inode that testdata/golden/README.md describes.
func vectorInode(parent clfs.ID, size uint64, direct []clfs.ID, roots [4]clfs.ID) *clfs.Inode {
	return &clfs.Inode{
		Attr: clfs.Attr{
			Mode: 0o100644, Type: clfs.TypeRegular, UID: 1, GID: 2, Size: size,
			Mtime: clfs.Time{Sec: 1400000000, Nsec: 250000000},
			Ctime: clfs.Time{Sec: 1400000001, Nsec: 500000000},
			Atime: clfs.Time{Sec: 1400000002, Nsec: 750000000},
			Used:  size, FSID: 0x9abcdef0, FileID: 99, Nlink: 1, ContainerID: 0x12345678,
		},
		FirstSegmentSize: clfs.FirstSegmentBytes,
		SegmentSize:      clfs.SegmentBytes,
		Direct:           direct,
		Roots:            roots,
		BackPointers:     []clfs.ID{parent},
		Name:             []byte("big"),
		Data:             bytes.Repeat([]byte("f"), clfs.FirstSegmentBytes),
	}
}

func TestCompressionDecidesAsVectorsSay(t *testing.T) {
	for _, v := range loadVectors(t).Compression {
		payload := describedPayload(t, v.Payload)
		if digest(payload) != v.SHA256 || len(payload) != v.Length {
			t.Fatalf("%s: not the payload that was meant", v.Payload)
		}
		got, c, err := clfs.Unpack(clfs.Pack(nil, payload, clfs.CompressionLZ4), len(payload))
		if err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%s: does not come back: %v", v.Payload, err)
		}
		if c != v.Compression {
			t.Errorf("%s: compression %d, want %d", v.Payload, c, v.Compression)
		}
	}
}

// describedPayload expands "a*N noise:TAG*N ...".
func describedPayload(t *testing.T, description string) (payload []byte) {
	t.Helper()
	for run := range strings.FieldsSeq(description) {
		what, times, _ := strings.Cut(run, "*")
		n, err := strconv.Atoi(times)
		if err != nil {
			t.Fatal(err)
		}
		if tag, isNoise := strings.CutPrefix(what, "noise:"); isNoise {
			payload = append(payload, noise(tag, n)...)
		} else {
			payload = append(payload, strings.Repeat(what, n)...)
		}
	}
	return payload
}

// noise is n bytes that do not compress.
func noise(tag string, n int) (b []byte) {
	for i := 0; len(b) < n; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s-%d", tag, i))
		b = append(b, sum[:]...)
	}
	return b[:n]
}

func TestDirectorySegmentsMatchVectors(t *testing.T) {
	for _, v := range loadVectors(t).DirSegments {
		sizes := []int{clfs.DirentSize(1, 24), clfs.DirentSize(2, 16)}
		for _, run := range v.NameLengths {
			for range run[1] {
				sizes = append(sizes, clfs.DirentSize(run[0], 24))
			}
		}
		segments := []int{0}
		for _, size := range sizes {
			last := len(segments) - 1
			if !clfs.DirentFits(last == 0, segments[last], size) {
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

// The lengths in the vectors' indirect blocks are known without CLFSLoad, too.
func TestIndirectBlockBytesAreAsDrawn(t *testing.T) {
	b := clfs.IndirectBlock{Blocks: []clfs.ID{"0123456789abcdef"}, Ctime: 5, Tree: 2, Depth: 1, Owner: clfs.NullHandle}
	payload := b.Append(nil)
	if len(payload) != 48+64 {
		t.Fatalf("%d bytes, want 112", len(payload))
	}
	if got := binary.LittleEndian.Uint64(payload[48+20+4:]); got != 2<<16|1 {
		t.Errorf("offset field %#x, want tree 2, depth 1", got)
	}
}
