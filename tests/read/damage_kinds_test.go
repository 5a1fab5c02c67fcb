package read

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// rewriteInode changes the inode at path of a container on disk.
func rewriteInode(t *testing.T, target, path string, edit func(*object.Inode)) {
	t.Helper()
	blob := statOf(t, target, path).Blob
	file := filepath.Join(strings.TrimPrefix(target, "dir:"), blob)
	data, err := os.ReadFile(file)
	harness.Must(t, err)
	payload, _, err := compression.Unpack(data, 1<<20)
	harness.Must(t, err)
	in, err := object.DecodeInode(payload)
	harness.Must(t, err)
	edit(in)
	harness.Must(t, os.WriteFile(file, compression.Pack(nil, in.Append(nil), compression.LZ4), 0o644))
}

// moveOwner gives the inode at path a blob that names another owner.
func moveOwner(t *testing.T, target, path string) {
	t.Helper()
	blob, root := statOf(t, target, path).Blob, strings.TrimPrefix(target, "dir:")
	n, err := clfs.ParseName(blob)
	harness.Must(t, err)
	n.OwnerHash++
	harness.Must(t, os.Rename(filepath.Join(root, blob), filepath.Join(root, n.String())))
}

// aKind is damage that shows in one inode, or in what it holds.
type aKind struct {
	name, path, kind string
	contents         bool // who does not read contents does not see it
	edit             func(*object.Inode)
}

var kinds = []aKind{
	{"block map cut", "/sizes/zero-17000000", "hole", true, func(in *object.Inode) { in.Direct = in.Direct[:2] }},
	{"block map gone", "/sizes/zero-17000000", "hole", true, func(in *object.Inode) { in.Direct = in.Direct[:1] }},
	{"size above the block map", "/sizes/text-100", "segment-length", true, func(in *object.Inode) { in.Attr.Size = 1 << 40; in.Attr.Used = 1 << 40 }},
	{"first bytes cut", "/sizes/zero-17000000", "segment-length", true, func(in *object.Inode) { in.Data = in.Data[:9] }},
	{"first bytes too many", "/sizes/text-100", "segment-length", false, func(in *object.Inode) { in.Data = append(in.Data, 'x') }},
	{"block behind the end", "/sizes/zero-17000000", "block-map", false, func(in *object.Inode) { in.Direct = append(in.Direct, clfs.NullBlock, clfs.NullBlock) }},
	{"segment size", "/sizes/text-100", "block-map", false, func(in *object.Inode) { in.SegmentSize = 4096 }},
	{"nanoseconds", "/sizes/text-100", "attributes", false, func(in *object.Inode) { in.Attr.Mtime.Nsec = 2e9 }},
	{"mode of a directory", "/sizes/text-100", "type", false, func(in *object.Inode) { in.Attr.Mode = 0o40755 }},
	{"link count", "/sizes/text-100", "link-count", false, func(in *object.Inode) { in.Attr.Nlink = 7 }},
	{"back pointer", "/sizes/text-100", "owner", false, func(in *object.Inode) { in.BackPointers[0] = clfs.RootID }},
	{"device number", "/sizes/text-100", "attributes", false, func(in *object.Inode) { in.Attr.RdevMajor = 8 }},
	{"size of a link", "/links/relative", "size", false, func(in *object.Inode) { in.Attr.Size = 900; in.Attr.Used = 900 }},
	{"link target with NUL", "/links/relative", "size", false, func(in *object.Inode) { in.Data[1] = 0 }},
	{"owner in the name", "/sizes/text-100", "owner", false, nil},
}

func TestNoReadingCommandIgnoresWhatVerifyCallsDamage(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			target := trees.GoldenContainer(t, "lz4")
			if k.edit == nil {
				moveOwner(t, target, k.path)
			} else {
				rewriteInode(t, target, k.path, k.edit)
			}
			id := statOf(t, target, k.path).ID
			directory := filepath.Dir(k.path)
			harness.Clfsload(t, "verify", "--quick", target).MustExit(harness.ExitDamaged).MustSay("damage: "+k.kind+":", k.path, id)
			if !strings.HasPrefix(k.path, "/links") {
				harness.Clfsload(t, "cat", target, k.path).MustExit(harness.ExitDamaged).MustSay(id)
			}
			export := harness.Clfsload(t, "export", target, directory, t.TempDir())
			if !strings.Contains(k.name, "NUL") { // no system can make that link
				export.MustExit(harness.ExitDamaged)
			}
			export.MustSay(k.path)
			harness.Clfsload(t, "export", "--keep-going", target, directory, t.TempDir()).MustExit(harness.ExitIncomplete).MustSay(k.path, id)
			listing := harness.ExitDamaged
			if k.contents {
				listing = harness.ExitOK
			}
			harness.Clfsload(t, "ls", "-l", target, directory).MustExit(listing).MustSay(filepath.Base(k.path))
			harness.Clfsload(t, "ls", "-l", target, k.path).MustExit(listing)
			harness.Clfsload(t, "du", target, directory).MustExit(listing)
			if k.kind != "segment-length" || !k.contents {
				harness.Clfsload(t, "stat", target, k.path).MustExit(harness.ExitDamaged).MustSay(id)
			}
		})
	}
}

// objectBlob is what stat says of the blob of an inode, which may be damaged.
type objectBlob struct{ Blob, ID string }

func statOf(t *testing.T, target, path string) (o objectBlob) {
	t.Helper()
	r := harness.Clfsload(t, "stat", "--json", target, path)
	if err := json.Unmarshal([]byte(r.Stdout), &o); err != nil {
		t.Fatalf("stat %s: %v in %s%s", path, err, r.Stdout, r.Stderr)
	}
	return o
}

// directoryKinds are damage that shows in the entries of the directory /links/other.
var directoryKinds = []struct {
	name, kind string
	lost       bool // entries are missing: a mount says so with EIO
	edit       func(*object.Inode)
}{
	{"name twice", "duplicate-name", false, func(in *object.Inode) {
		for e, err := range object.Dirents(in.Dirents) {
			if err == nil && string(e.Name) == "h3" {
				in.Dirents = object.AppendDirent(in.Dirents, e.Name, e.ID)
				break
			}
		}
		in.Attr.Size = uint64(len(in.Dirents)) + 4
	}},
	{"size above the entries", "size", true, func(in *object.Inode) { in.Attr.Size += 300000 }},
	{"size below the entries", "size", false, func(in *object.Inode) { in.Attr.Size-- }},
	{"link count", "link-count", false, func(in *object.Inode) { in.Attr.Nlink += 2 }},
	{"no dots", "dots", false, func(in *object.Inode) {
		in.Dirents = in.Dirents[object.DirentSize(1, 24)+object.DirentSize(2, 24):]
		in.Attr.Size = uint64(len(in.Dirents)) + 4
	}},
}

func TestNoReadingCommandIgnoresADamagedDirectory(t *testing.T) {
	const directory = "/links/other"
	for _, k := range directoryKinds {
		t.Run(k.name, func(t *testing.T) {
			target := trees.GoldenContainer(t, "lz4")
			rewriteInode(t, target, directory, k.edit)
			id := statOf(t, target, directory).ID
			harness.Clfsload(t, "verify", "--quick", target).MustExit(harness.ExitDamaged).MustSay("damage: "+k.kind+":", directory, id)
			for _, arguments := range [][]string{{"ls"}, {"ls", "-lU"}, {"ls", "-R"}, {"du"}} {
				harness.Clfsload(t, append(arguments, target, directory)...).MustExit(harness.ExitDamaged).MustSay(id)
			}
			harness.Clfsload(t, "ls", target, directory).MustSay("h3\n")
			harness.Clfsload(t, "export", target, directory, t.TempDir()).MustExit(harness.ExitDamaged).MustSay(directory)
			harness.Clfsload(t, "export", "--keep-going", target, directory, t.TempDir()).MustExit(harness.ExitIncomplete).MustSay(id)

			m := mounted.ReadOnly(t, target)
			names, err := os.ReadDir(filepath.Join(m.Point, directory))
			if len(names) == 0 || errors.Is(err, syscall.EIO) != k.lost {
				t.Errorf("the mount lists %d names, %v", len(names), err)
			}
		})
	}
}

func TestAMountReportsContentsThatAreLost(t *testing.T) {
	target := trees.GoldenContainer(t, "lz4")
	rewriteInode(t, target, "/sizes/zero-17000000", func(in *object.Inode) { in.Direct = in.Direct[:2] })
	rewriteInode(t, target, "/sizes/text-8404993", func(in *object.Inode) { in.Direct[1] = clfs.NullBlock })
	rewriteInode(t, target, "/links/relative", func(in *object.Inode) { in.Data[1] = 0 })
	m := mounted.ReadOnly(t, target)
	f, err := os.Open(filepath.Join(m.Point, "sizes/zero-17000000"))
	harness.Must(t, err)
	defer f.Close()
	p := make([]byte, 4096)
	const lost = clfs.FirstSegmentBytes + clfs.SegmentBytes
	for at, want := range map[int64]error{0: nil, lost - 4096: nil, lost: syscall.EIO, lost + 100000: syscall.EIO} {
		if _, err := f.ReadAt(p, at); !errors.Is(err, want) {
			t.Errorf("read at %d: %v, want %v", at, err, want)
		}
	}
	if _, err := os.Readlink(filepath.Join(m.Point, "links/relative")); !errors.Is(err, syscall.EIO) {
		t.Errorf("a link to what cannot be a path: %v", err)
	}
	hole, err := os.ReadFile(filepath.Join(m.Point, "sizes/text-8404993"))
	if err != nil || len(hole) != 8404993 || strings.Trim(string(hole[clfs.FirstSegmentBytes:lost]), "\x00") != "" {
		t.Errorf("a null id reads as %d bytes, %v", len(hole), err)
	}
	harness.Clfsload(t, "cat", target, "/sizes/text-8404993").MustExit(harness.ExitOK)
}
