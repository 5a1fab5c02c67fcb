package inventory

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
)

// goldenBlobs is a container of CLFSLoad in memory.
func goldenBlobs(t *testing.T) map[string][]byte {
	t.Helper()
	directory := t.TempDir()
	archive := "../../testdata/golden/container-lz4-hardlinks.tar.gz"
	if out, err := exec.Command("tar", "-C", directory, "-xf", archive).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	paths, err := filepath.Glob(filepath.Join(directory, "lz4", "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d blobs in %s: %v", len(paths), archive, err)
	}
	blobs := map[string][]byte{}
	for _, path := range paths {
		if blobs[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return blobs
}

func read(blobs map[string][]byte) Contents {
	var names []string
	for name := range blobs {
		names = append(names, name)
	}
	return OfContainer(Blobs{Names: names, Get: func(name string) ([]byte, error) { return blobs[name], nil }})
}

// find returns the name of the first blob in a container whose inode fits.
func find(t *testing.T, blobs map[string][]byte, fits func(clfs.Name, *object.Inode) bool) string {
	t.Helper()
	for text := range blobs {
		name, err := clfs.ParseName(text)
		if err != nil || !name.Type.IsInode() {
			continue
		}
		if in := decode(t, blobs[text]); fits(name, in) {
			return text
		}
	}
	t.Fatal("no such inode in the golden container")
	return ""
}

func decode(t *testing.T, raw []byte) *object.Inode {
	t.Helper()
	payload, _, err := compression.Unpack(raw, object.MaxSegmentPayload)
	if err != nil {
		t.Fatal(err)
	}
	in, err := object.DecodeInode(payload)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// regularOf finds a regular file by its name in the tree.
func regularOf(name string) func(clfs.Name, *object.Inode) bool {
	return func(_ clfs.Name, in *object.Inode) bool { return string(in.Name) == name }
}

// alter writes an inode back changed.
func alter(t *testing.T, blobs map[string][]byte, blob string, change func(*object.Inode)) {
	t.Helper()
	in := decode(t, blobs[blob])
	change(in)
	blobs[blob] = compression.Pack(nil, in.Append(nil), compression.None)
}

func TestReaderNoticesWhatBreaksTheFormat(t *testing.T) {
	golden := goldenBlobs(t)
	for name, c := range map[string]struct {
		damage func(t *testing.T, blobs map[string][]byte)
		says   string
	}{
		"a blob that nothing reaches": {func(_ *testing.T, blobs map[string][]byte) {
			blobs["stray"] = nil
		}, "nothing reaches this blob"},
		"two versions of an inode": {func(t *testing.T, blobs map[string][]byte) {
			text := find(t, blobs, regularOf("text-100"))
			name, _ := clfs.ParseName(text)
			name.Version++
			blobs[name.String()] = blobs[text]
		}, "has 2 blobs, not one"},
		"a lost inode": {func(t *testing.T, blobs map[string][]byte) {
			delete(blobs, find(t, blobs, regularOf("text-100")))
		}, "has 0 blobs, not one"},
		"a lost segment": {func(t *testing.T, blobs map[string][]byte) {
			in := decode(t, blobs[find(t, blobs, regularOf("text-16385"))])
			delete(blobs, clfs.ObjectName(in.Direct[1], in.ID(), clfs.TypeSegment, clfs.FirstVersion))
		}, "has no segments from 16384 on"},
		"a lost link count": {func(t *testing.T, blobs map[string][]byte) {
			alter(t, blobs, find(t, blobs, regularOf("links")), func(in *object.Inode) { in.Attr.Nlink-- })
		}, `"links": link count is`},
		"a lost back pointer": {func(t *testing.T, blobs map[string][]byte) {
			linked := func(_ clfs.Name, in *object.Inode) bool { return len(in.BackPointers) == 3 }
			alter(t, blobs, find(t, blobs, linked), func(in *object.Inode) { in.BackPointers = in.BackPointers[:2] })
		}, "its back pointers are"},
		"a wrong name": {func(t *testing.T, blobs map[string][]byte) {
			alter(t, blobs, find(t, blobs, regularOf("text-100")), func(in *object.Inode) { in.Name = []byte("other") })
		}, `no entry "other"`},
		"a wrong size": {func(t *testing.T, blobs map[string][]byte) {
			alter(t, blobs, find(t, blobs, regularOf("text-100")), func(in *object.Inode) { in.Attr.Size++ })
		}, "bytes in the inode is 100, not 101"},
		"entries out of order": {func(t *testing.T, blobs map[string][]byte) {
			alter(t, blobs, find(t, blobs, regularOf("links")), func(in *object.Inode) {
				own, parent := object.DirentSize(1, 24), object.DirentSize(2, 16)
				swapped := append([]byte(nil), in.Dirents[own:own+parent]...)
				swapped = append(swapped, in.Dirents[:own]...)
				in.Dirents = append(swapped, in.Dirents[own+parent:]...)
			})
		}, `where "." of`},
		"another container's inode": {func(t *testing.T, blobs map[string][]byte) {
			alter(t, blobs, find(t, blobs, regularOf("text-100")), func(in *object.Inode) { in.Attr.FSID++ })
		}, "fsid is"},
		"no bucket object": {func(_ *testing.T, blobs map[string][]byte) {
			delete(blobs, clfs.ObjectName(clfs.BucketID, clfs.BucketID, clfs.TypeSpecial, clfs.FirstVersion))
		}, "bucket object"},
	} {
		t.Run(name, func(t *testing.T) {
			blobs := map[string][]byte{}
			for text, raw := range golden {
				blobs[text] = raw
			}
			c.damage(t, blobs)
			if problems := strings.Join(read(blobs).Problems, "\n"); !strings.Contains(problems, c.says) {
				t.Errorf("does not say %q:\n%s", c.says, problems)
			}
		})
	}
}

func TestCompareTellsEachField(t *testing.T) {
	entry := Entry{Path: "a", Group: "a"}
	for field, change := range map[string]func(*Entry){
		"type": func(e *Entry) { e.Type++ }, "mode": func(e *Entry) { e.Mode++ }, "uid": func(e *Entry) { e.UID++ },
		"gid": func(e *Entry) { e.GID++ }, "size": func(e *Entry) { e.Size++ }, "mtime": func(e *Entry) { e.Mtime.Nsec++ },
		"ctime": func(e *Entry) { e.Ctime.Nsec++ }, "atime": func(e *Entry) { e.Atime.Sec++ }, "device": func(e *Entry) { e.Minor++ },
		"inode number": func(e *Entry) { e.FileID++ }, "link target": func(e *Entry) { e.Target = "b" },
		"bytes": func(e *Entry) { e.Hash++ }, "hard links": func(e *Entry) { e.Group = "0" },
	} {
		changed := entry
		change(&changed)
		lines := Compare(Tree{"a": entry}, Tree{"a": changed}, Full)
		if len(lines) != 1 || !strings.HasPrefix(lines[0], `"a": `+field) {
			t.Errorf("%s: %q", field, lines)
		}
	}
	if lines := Compare(Tree{"a": entry}, Tree{"b": entry}, Full); len(lines) != 2 {
		t.Errorf("names: %q", lines)
	}
}
