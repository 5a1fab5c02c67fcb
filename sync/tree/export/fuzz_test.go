package export_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
	"clfsload/sync/tree/export"
	"clfsload/sync/tree/treetest"
	"clfsload/sync/tree/verify"
)

// smallContainer has every kind of object, and each is small.
func smallContainer(t testing.TB) *treetest.Builder {
	b := treetest.New(t)
	d := b.Root.Dir("dir")
	f := d.File("file", bytes.Repeat([]byte("text "), 4000))
	b.Root.Link("again", f)
	d.Symlink("link", "file")
	d.Make(clfs.TypeFIFO, "fifo", 0o600)
	many := d.Dir("many")
	for i := range 150 {
		many.Entry(strings.Repeat("n", 100)+string(rune('a'+i)), f.ID)
	}
	b.Finish()
	id := clfs.ID("an indirect one.")
	block := object.IndirectBlock{Blocks: []clfs.ID{f.Segments[0], clfs.NullBlock, id}, Ctime: treetest.Time.Sec, Tree: 1, Owner: f.ID}
	b.PutPayload(clfs.ObjectName(id, f.ID, clfs.TypeIndirect, clfs.FirstVersion), block.Append(nil))
	f.Inode.Roots[1] = id
	f.Put()
	return b
}

// changed damages one blob of a container.
func changed(b *treetest.Builder, names []string, which uint16, how byte, at uint32, data []byte) {
	name := names[int(which)%len(names)]
	raw := b.Bytes(name)
	payload := b.Payload(name)
	switch how % 6 {
	case 0:
		b.PutBytes(name, splice(raw, at, data))
	case 1:
		b.PutPayload(name, splice(payload, at, data))
	case 2:
		b.PutBytes(name, raw[:int(at)%(len(raw)+1)])
	case 3:
		b.PutPayload(name, payload[:int(at)%(len(payload)+1)])
	case 4:
		b.PutBytes(name, b.Bytes(names[int(at)%len(names)]))
	case 5:
		b.PutPayload(name, data)
	}
}

// splice writes data over b.
func splice(b []byte, at uint32, data []byte) []byte {
	if len(b) > 0 {
		copy(b[int(at)%len(b):], data)
	}
	return b
}

func blobNames(t testing.TB, c blob.Container) []string {
	var names []string
	for b, err := range blob.All(t.Context(), c, "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, b.Name)
	}
	return names
}

// Whatever stands in a blob, verifying and exporting the container ends, soon and
// inside of the destination.
func FuzzADamagedContainerIsReadToItsEnd(f *testing.F) {
	f.Add(uint16(0), byte(0), uint32(0), []byte{1})
	f.Add(uint16(3), byte(1), uint32(200), []byte("\xff\xff\xff\xff"))
	f.Add(uint16(1), byte(4), uint32(5), []byte{})
	f.Add(uint16(5), byte(2), uint32(100), []byte{})
	names := blobNames(f, smallContainer(f).Container)
	f.Fuzz(func(t *testing.T, which uint16, how byte, at uint32, data []byte) {
		b := smallContainer(t)
		changed(b, names, which, how, at, data)
		began := time.Now()
		tr := tree.New(b.Container, tree.Options{TempDir: t.TempDir()})
		defer tr.Close()
		if _, err := verify.Run(t.Context(), tr, verify.Options{}); err != nil {
			t.Errorf("verify: %v", err)
		}
		parent := t.TempDir()
		if err := os.Mkdir(filepath.Join(parent, "dest"), 0o700); err != nil {
			t.Fatal(err)
		}
		out := exportTo(t, b.Container, filepath.Join(parent, "dest"), export.Options{KeepGoing: true, LostFound: true})
		if out.err != nil {
			t.Errorf("export: %v", out.err)
		}
		if left, err := os.ReadDir(parent); err != nil || len(left) != 1 {
			t.Errorf("beside the destination: %v, %v", left, err)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("took %s", took)
		}
	})
}
