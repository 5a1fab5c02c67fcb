package verify_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/sync/tree"
	"clfsload/sync/tree/treetest"
	"clfsload/sync/tree/verify"
)

// sample is a small container with one of everything.
type sample struct {
	*treetest.Builder
	dir, sub, many     *treetest.Node
	file, big, linked  *treetest.Node
	symlink, fifo, dev *treetest.Node
}

func newSample(t testing.TB) *sample {
	b := treetest.New(t)
	s := &sample{Builder: b}
	s.dir = b.Root.Dir("dir")
	s.sub = s.dir.Dir("sub")
	s.many = b.Root.Dir("many")
	for i := range 200 {
		s.many.File(strings.Repeat("n", 100)+string(rune('A'+i%26))+strings.Repeat("x", i/26), nil)
	}
	s.file = s.dir.File("file", []byte("hello"))
	s.big = s.sub.File("big", bytes.Repeat([]byte("0123456789abcdef"), 1<<20/2+2048))
	s.linked = s.dir.File("linked", []byte("twice"))
	s.sub.Link("again", s.linked)
	s.symlink = s.dir.Symlink("symlink", "file")
	s.fifo = s.dir.Make(clfs.TypeFIFO, "fifo", 0o600)
	s.dev = s.dir.Make(clfs.TypeChar, "null", 0o666)
	s.dev.Inode.Attr.RdevMajor, s.dev.Inode.Attr.RdevMinor = 1, 3
	b.Finish()
	return s
}

func run(t *testing.T, s *treetest.Builder, o verify.Options) (verify.Report, []verify.Finding) {
	t.Helper()
	var findings []verify.Finding
	o.Found = func(f verify.Finding) { findings = append(findings, f) }
	tr := tree.New(s.Container, tree.Options{TempDir: t.TempDir()})
	defer tr.Close()
	report, err := verify.Run(t.Context(), tr, o)
	if err != nil {
		t.Fatal(err)
	}
	return report, findings
}

func TestBuiltContainerIsSound(t *testing.T) {
	report, findings := run(t, newSample(t).Builder, verify.Options{})
	if !report.Sound() || len(findings) > 0 {
		t.Errorf("findings in a sound container: %v", findings)
	}
}

// A damage breaks one promise. The finding of that kind must name the object,
// and in a quick run too unless the damage is in file contents.
type damage struct {
	name     string
	kind     tree.Kind
	severity verify.Severity
	full     bool // only a full run sees it
	make     func(s *sample) (object string)
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 0x40
	return b
}

var damages = []damage{
	{"dangling entry", tree.KindMissing, "", false, func(s *sample) string {
		s.Delete(s.file.Blob())
		return s.file.ID.String()
	}},
	{"missing segment", tree.KindMissing, "", false, func(s *sample) string {
		s.Delete(s.big.SegmentBlob(0))
		return s.big.Segments[0].String()
	}},
	{"missing directory segment", tree.KindMissing, "", false, func(s *sample) string {
		s.Delete(s.many.SegmentBlob(0))
		return s.many.Segments[0].String()
	}},
	{"flipped byte in a record", tree.KindRecords, "", false, func(s *sample) string {
		s.PutPayload(s.file.Blob(), flip(s.Payload(s.file.Blob()), 130))
		return s.file.Blob()
	}},
	{"cut blob", tree.KindRecords, "", false, func(s *sample) string {
		b := s.Bytes(s.file.Blob())
		s.PutBytes(s.file.Blob(), b[:len(b)-9])
		return s.file.Blob()
	}},
	{"empty blob", tree.KindRecords, "", false, func(s *sample) string {
		s.PutBytes(s.file.Blob(), nil)
		return s.file.Blob()
	}},
	{"cut segment blob", tree.KindRecords, "", true, func(s *sample) string {
		name := s.big.SegmentBlob(0)
		b := s.Bytes(name)
		s.PutBytes(name, b[:len(b)/2])
		return name
	}},
	{"encrypted object", tree.KindEncrypted, "", false, func(s *sample) string {
		s.PutBytes(s.file.Blob(), append([]byte{1, 0, 0, 0}, make([]byte, 512)...))
		return s.file.Blob()
	}},
	{"decompression bomb", tree.KindRecords, "", false, func(s *sample) string {
		s.PutBytes(s.file.Blob(), compression.Pack(nil, make([]byte, 64<<20), compression.LZ4))
		return s.file.Blob()
	}},
	{"oversized blob", tree.KindOversized, "", false, func(s *sample) string {
		s.PutBytes(s.file.Blob(), make([]byte, 4<<20))
		return s.file.Blob()
	}},
	{"wrong owner in an inode's name", verify.KindOwner, "", false, func(s *sample) string {
		s.Delete(s.file.Blob())
		s.file.Owner = s.sub.ID
		s.file.Put()
		return s.file.Blob()
	}},
	{"wrong owner in a segment's name", verify.KindOwner, "", false, func(s *sample) string {
		name := clfs.ObjectName(s.big.Segments[0], s.file.ID, clfs.TypeSegment, clfs.FirstVersion)
		s.PutBytes(name, s.Bytes(s.big.SegmentBlob(0)))
		s.Delete(s.big.SegmentBlob(0))
		return name
	}},
	{"wrong type in a name", verify.KindType, "", false, func(s *sample) string {
		s.Delete(s.fifo.Blob())
		s.fifo.Type = clfs.TypeSocket
		s.fifo.Put()
		return s.fifo.Blob()
	}},
	{"mode of another type", verify.KindType, "", false, func(s *sample) string {
		s.fifo.Inode.Attr.Mode = 0o100600
		s.fifo.Put()
		return s.fifo.Blob()
	}},
	{"orphaned file", verify.KindOrphan, "", false, func(s *sample) string {
		n := clfs.ObjectName(clfs.NewHandle(clfs.Key{9}, treetest.ContainerID, s.dir.ID, clfs.TypeRegular, 0, 7777), s.dir.ID, clfs.TypeRegular, clfs.FirstVersion)
		s.PutBytes(n, s.Bytes(s.file.Blob()))
		return n
	}},
	{"orphaned segment", verify.KindOrphan, "", false, func(s *sample) string { return s.file.PutSegment(3, []byte("x")) }},
	{"stale version", verify.KindStale, "", false, func(s *sample) string {
		stale := s.file.Blob()
		s.file.Version = 12
		s.file.Put()
		return stale
	}},
	{"damaged blob name", verify.KindBlobName, "", false, func(s *sample) string {
		name := []byte(s.file.Blob())
		name[3] = "01"[(name[3]&1)^1]
		s.PutBytes(string(name), s.Bytes(s.file.Blob()))
		return string(name)
	}},
	{"strange blob", verify.KindForeign, verify.Remark, false, func(s *sample) string {
		s.PutBytes("readme.txt", []byte("hello"))
		return "readme.txt"
	}},
	{"tombstone", verify.KindTombstone, verify.Remark, false, func(s *sample) string {
		n := clfs.ObjectName(s.file.ID, s.dir.ID, clfs.TypeTombstone, 20)
		s.PutBytes(n, nil)
		return n
	}},
	{"other snapshot", verify.KindSnapshot, verify.Remark, false, func(s *sample) string {
		n, _ := clfs.ParseName(s.file.Blob())
		n.Snapshot, n.Version = 4, 30
		s.PutBytes(n.String(), nil)
		return n.String()
	}},
	{"space tracker", verify.KindService, verify.Remark, false, func(s *sample) string {
		n := clfs.ObjectName(clfs.SpaceTrackerID, "", 0, 9)
		s.PutBytes(n, nil)
		return n
	}},
	{"no root", verify.KindNoRoot, "", false, func(s *sample) string {
		s.Delete(s.Root.Blob())
		return clfs.RootID.String()
	}},
	{"no bucket object", verify.KindNoBucket, "", false, func(s *sample) string {
		s.Delete(clfs.ObjectName(clfs.BucketID, "", 0, 9))
		return clfs.BucketID.String()
	}},
	{"bucket of no UUID", verify.KindBucket, "", false, func(s *sample) string {
		n := clfs.ObjectName(clfs.BucketID, "", 0, 9)
		s.PutPayload(n, object.Bucket{UUID: "X"}.Append(nil))
		return n
	}},
	{"root without its attributes", verify.KindRoot, "", false, func(s *sample) string {
		s.Root.Inode.ExtAttrs = nil
		s.Root.Put()
		return s.Root.Blob()
	}},
	{"missing log", verify.KindLogMissing, verify.Remark, false, func(s *sample) string {
		n := clfs.ObjectName(clfs.BucketID, "", 0, 9)
		s.PutPayload(n, object.Bucket{UUID: "33333333-3333-4333-8333-333333333333", Logs: []string{"a.log"}}.Append(nil))
		return n
	}},
	{"own id of another", tree.KindOwnID, "", false, func(s *sample) string {
		s.file.Inode.Direct[0] = s.fifo.ID
		s.file.Put()
		return s.file.Blob()
	}},
	{"handle of another container", verify.KindHandle, "", false, func(s *sample) string {
		id := clfs.NewHandle(clfs.Key{1}, 99, s.sub.ID, clfs.TypeFIFO, 0, 5000)
		return s.smuggle(s.sub, id, clfs.TypeFIFO)
	}},
	{"sequence number used twice", verify.KindHandle, "", false, func(s *sample) string {
		h, _ := clfs.ParseHandle(s.sub.ID)
		seq := h.Sequence
		id := clfs.NewHandle(clfs.Key{1}, treetest.ContainerID, s.sub.ID, clfs.TypeFIFO, 0, seq)
		s.smuggle(s.sub, id, clfs.TypeFIFO)
		return "" // either of the two may be named
	}},
	{"fsid of another container", verify.KindAttributes, "", false, func(s *sample) string {
		s.file.Inode.Attr.FSID++
		s.file.Put()
		return s.file.Blob()
	}},
	{"too many nanoseconds", verify.KindAttributes, "", false, func(s *sample) string {
		s.file.Inode.Attr.Mtime.Nsec = 1e9
		s.file.Put()
		return s.file.Blob()
	}},
	{"link count of a file", verify.KindLinkCount, "", false, func(s *sample) string {
		s.file.Inode.Attr.Nlink = 2
		s.file.Put()
		return s.file.Blob()
	}},
	{"link count of a directory", verify.KindLinkCount, "", false, func(s *sample) string {
		s.dir.Inode.Attr.Nlink = 9
		s.dir.Put()
		return s.dir.Blob()
	}},
	{"back pointer to another directory", verify.KindBackPointer, "", false, func(s *sample) string {
		s.fifo.Inode.BackPointers = []clfs.ID{s.sub.ID}
		s.fifo.Put()
		return s.fifo.Blob()
	}},
	{"back pointer without a link", verify.KindBackPointer, "", false, func(s *sample) string {
		s.linked.Inode.BackPointers = append(s.linked.Inode.BackPointers, s.many.ID)
		s.linked.Inode.Attr.Nlink++
		s.linked.Put()
		return s.linked.Blob()
	}},
	{"link without a back pointer", verify.KindBackPointer, "", false, func(s *sample) string {
		s.fifo.Inode.BackPointers = nil
		s.rewriteDir(s.sub, object.Dirent{Name: []byte("fifo too"), ID: s.dev.ID})
		return s.dev.Blob()
	}},
	{"name of a file", verify.KindNameRecord, "", false, func(s *sample) string {
		s.fifo.Inode.Name = []byte("other")
		s.fifo.Put()
		return s.fifo.Blob()
	}},
	{"name of a linked file", verify.KindNameRecord, "", false, func(s *sample) string {
		s.linked.Inode.Name = []byte("other")
		s.linked.Put()
		return s.linked.Blob()
	}},
	{"records out of order", verify.KindRecordOrder, "", false, func(s *sample) string {
		records, err := object.ParseRecords(s.Payload(s.file.Blob()))
		if err != nil {
			panic(err)
		}
		slices.Reverse(records)
		var payload []byte
		for _, r := range records {
			payload = object.AppendRecord(payload, r.Type, r.Body)
		}
		s.PutPayload(s.file.Blob(), payload)
		return s.file.Blob()
	}},
	{"dots swapped", verify.KindDots, "", false, func(s *sample) string {
		raw := object.AppendDirent(nil, []byte(".."), clfs.RootID)
		raw = object.AppendDirent(raw, []byte("."), s.dir.ID)
		s.dir.Inode.Dirents = append(raw, s.dir.Inode.Dirents[len(raw):]...)
		s.dir.Put()
		return s.dir.Blob()
	}},
	{"dot-dot to another directory", verify.KindDots, "", false, func(s *sample) string {
		raw := object.AppendDirent(nil, []byte("."), s.sub.ID)
		raw = object.AppendDirent(raw, []byte(".."), s.many.ID)
		s.sub.Inode.Dirents = append(raw, s.sub.Inode.Dirents[len(raw):]...)
		s.sub.Put()
		return s.sub.Blob()
	}},
	{"duplicate name", verify.KindDuplicate, "", false, func(s *sample) string {
		s.rewriteDir(s.dir, object.Dirent{Name: []byte("file"), ID: s.linked.ID})
		return s.dir.Blob()
	}},
	{"name with a slash", tree.KindEntryName, "", false, func(s *sample) string {
		s.rewriteDir(s.dir, object.Dirent{Name: []byte("a/b"), ID: s.linked.ID})
		return s.dir.Blob()
	}},
	{"loop of directories", tree.KindLoop, "", false, func(s *sample) string {
		s.rewriteDir(s.sub, object.Dirent{Name: []byte("up"), ID: s.dir.ID})
		return s.sub.Blob()
	}},
	{"directory size", verify.KindSize, "", false, func(s *sample) string {
		s.dir.Inode.Attr.Size++
		s.dir.Inode.Attr.Used++
		s.dir.Put()
		return s.dir.Blob()
	}},
	{"link size", verify.KindSize, "", false, func(s *sample) string {
		s.symlink.Inode.Attr.Size, s.symlink.Inode.Attr.Used = 77, 77
		s.symlink.Put()
		return s.symlink.Blob()
	}},
	{"entries over the first segment's limit", verify.KindDirectory, "", false, func(s *sample) string {
		for len(s.dir.Inode.Dirents) < clfs.FirstDirentBytes+1 {
			s.dir.Inode.Dirents = object.AppendDirent(s.dir.Inode.Dirents, bytes.Repeat([]byte("q"), 200), s.file.ID)
		}
		s.dir.Put()
		return s.dir.Blob()
	}},
	{"file without its first bytes", tree.KindSegmentLength, "", false, func(s *sample) string {
		s.big.Inode.Data = s.big.Inode.Data[:100]
		s.big.Put()
		return s.big.Blob()
	}},
	{"short segment", tree.KindSegmentLength, "", true, func(s *sample) string { return s.big.PutSegment(0, []byte("short")) }},
	{"segment of another file", tree.KindSegmentOwner, "", true, func(s *sample) string {
		name := s.big.SegmentBlob(0)
		payload := s.Payload(name)
		at := bytes.LastIndex(payload, []byte(s.big.ID))
		copy(payload[at:], s.file.ID)
		s.PutPayload(name, payload)
		return name
	}},
	{"segments swapped", tree.KindSegmentOffset, "", true, func(s *sample) string {
		first, second := s.big.SegmentBlob(0), s.big.SegmentBlob(1)
		a, b := s.Bytes(first), s.Bytes(second)
		s.PutBytes(first, b)
		s.PutBytes(second, a)
		return first
	}},
	{"cut list of blocks", tree.KindHole, "", false, func(s *sample) string {
		s.big.Inode.Direct = s.big.Inode.Direct[:2]
		s.big.Put()
		return s.big.Blob()
	}},
	{"null block", tree.KindHole, verify.Remark, false, func(s *sample) string {
		s.big.Inode.Direct[1] = clfs.NullBlock
		s.Delete(s.big.SegmentBlob(0))
		s.big.Put()
		return s.big.Blob()
	}},
	{"block behind the end", tree.KindBlockMap, "", false, func(s *sample) string {
		s.file.PutSegment(0, []byte("more"))
		s.file.Inode.Direct = append(s.file.Inode.Direct, s.file.Segments[0])
		s.file.Put()
		return s.file.Blob()
	}},
	{"missing indirect block", tree.KindMissing, "", false, func(s *sample) string {
		s.big.Inode.Roots[1] = clfs.ID("sixteen byte id!")
		s.big.Put()
		return s.big.Inode.Roots[1].String()
	}},
	{"indirect block that leads to itself", tree.KindBlockMap, "", false, func(s *sample) string {
		id := clfs.ID("sixteen byte id!")
		block := object.IndirectBlock{Blocks: slices.Repeat([]clfs.ID{id}, clfs.IndirectFanout), Ctime: treetest.Time.Sec, Tree: 3, Depth: 0, Owner: s.big.ID}
		name := clfs.ObjectName(id, s.big.ID, clfs.TypeIndirect, clfs.FirstVersion)
		s.PutPayload(name, block.Append(nil))
		s.big.Inode.Roots[3] = id
		s.big.Put()
		return s.big.Blob()
	}},
	{"block in two files", verify.KindSharedBlock, "", false, func(s *sample) string {
		s.file.Inode.Direct = append(s.file.Inode.Direct, s.big.Segments[1])
		s.file.Put()
		return s.big.SegmentBlob(1)
	}},
	{"other ctime in a segment", verify.KindSegmentTime, verify.Remark, true, func(s *sample) string {
		s.big.Inode.Attr.Ctime.Sec++
		data := s.big.Content[clfs.FirstSegmentBytes+clfs.SegmentBytes:]
		name := s.big.PutSegment(1, data)
		s.big.Inode.Attr.Ctime.Sec--
		return name
	}},
}

// smuggle adds an inode with any id to a directory that is already written.
func (s *sample) smuggle(dir *treetest.Node, id clfs.ID, kind clfs.Type) string {
	in := &object.Inode{Attr: s.fifo.Inode.Attr, FirstSegmentSize: clfs.FirstSegmentBytes, SegmentSize: clfs.SegmentBytes,
		Direct: []clfs.ID{id}, BackPointers: []clfs.ID{dir.ID}, Name: []byte("smuggled")}
	name := clfs.ObjectName(id, dir.ID, kind, clfs.FirstVersion)
	s.PutPayload(name, in.Append(nil))
	s.rewriteDir(dir, object.Dirent{Name: []byte("smuggled"), ID: id})
	return name
}

// rewriteDir adds an entry to a directory that fits its inode.
func (s *sample) rewriteDir(dir *treetest.Node, e object.Dirent) {
	in := dir.Inode
	in.Dirents = object.AppendDirent(in.Dirents, e.Name, e.ID)
	in.Attr.Size = uint64(len(in.Dirents)) + 4
	in.Attr.Used = in.Attr.Size
	dir.Put()
}

func TestEachDamageIsNamed(t *testing.T) {
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			s := newSample(t)
			object := d.make(s)
			if d.severity == "" {
				d.severity = verify.Damage
			}
			report, findings := run(t, s.Builder, verify.Options{})
			if !named(findings, d, object) {
				t.Errorf("no %s %s about %s in %v", d.severity, d.kind, object, findings)
			}
			if report.Sound() != (d.severity == verify.Remark) {
				t.Errorf("sound: %v, findings %v", report.Sound(), findings)
			}
			if _, findings = run(t, s.Builder, verify.Options{Quick: true}); named(findings, d, object) == d.full {
				t.Errorf("a quick run finds %v", findings)
			}
		})
	}
}

func named(findings []verify.Finding, d damage, object string) bool {
	return slices.ContainsFunc(findings, func(f verify.Finding) bool {
		return f.Severity == d.severity && f.Kind == d.kind && strings.Contains(f.Object+f.Detail, object)
	})
}
