package engine

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/sync/blob"
	"clfsload/sync/blob/mem"
)

// disk is a container on a disk that may lose its power: of what was put since the last
// Sync it may then have the names and none of the bytes, or nothing.
type disk struct {
	*mem.Container
	mu    sync.Mutex
	loose map[string]bool // put since the last Sync, not whole
	after func()          // after each put
}

func newDisk() *disk { return &disk{Container: mem.New(), loose: map[string]bool{}} }

func (d *disk) Put(ctx context.Context, name string, data []byte) error {
	return d.put(ctx, name, data, true)
}

func (d *disk) PutWhole(ctx context.Context, name string, data []byte) error {
	return d.put(ctx, name, data, false)
}

func (d *disk) put(ctx context.Context, name string, data []byte, loose bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.Container.Put(ctx, name, data); err != nil {
		return err
	}
	if delete(d.loose, name); loose {
		d.loose[name] = true
	}
	if d.after != nil {
		d.after()
	}
	return nil
}

func (d *disk) Sync(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.loose)
	return nil
}

// cut is what a power cut leaves.
func (d *disk) cut(t *testing.T, names bool) blob.Container {
	left := mem.New()
	for info, err := range blob.All(t.Context(), d.Container, "") {
		if err != nil {
			t.Fatal(err)
		}
		o, err := d.Get(t.Context(), info.Name, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		if d.loose[info.Name] {
			o.Data = nil
			if !names {
				continue
			}
		}
		if err := left.Put(t.Context(), info.Name, o.Data); err != nil {
			t.Fatal(err)
		}
	}
	return left
}

func TestAPowerCutInAPublicationLeavesEverythingInReachWhole(t *testing.T) {
	d := newDisk()
	m := newMount(t, d)
	looks := 0
	d.after = func() {
		looks++
		for _, names := range []bool{true, false} {
			published(t, d.cut(t, names))
		}
	}
	m.mkdir("a", "b", "wide")
	for i := range 200 {
		m.add(fmt.Sprintf("wide/%0250d", i), clfs.TypeFIFO, "")
	}
	m.write("a/x", one, 1)
	m.write("b/y", 100, 2)
	m.mustPublish()
	m.chmod("a/x", 0o600)
	m.rewrite("b/y", []byte("other contents"), 0)
	m.rename("a/x", "b/x")
	m.mkdir("b/new")
	m.unlink(fmt.Sprintf("wide/%0250d", 7))
	m.rename(fmt.Sprintf("wide/%0250d", 8), "a/moved")
	m.mustPublish()
	m.mkdir("a/d")
	m.mustPublish()
	m.rename("a/d", "d")
	m.rename("a", "d/a")
	m.mustPublish()
	m.sound()
	if looks < 200 {
		t.Errorf("%d looks at the container", looks)
	}
}

// A file that was uploaded and is not published yet is put again when its mode changes.
// A publication may come before that is repeated after a power cut.
func TestAPowerCutLeavesNoTornVersionOfWhatIsUploaded(t *testing.T) {
	d := newDisk()
	m := newMount(t, d)
	m.mkdir("a")
	m.write("a/x", one, 1)
	m.mustUpload()
	m.chmod("a/x", 0o600)
	if _, torn := d.looseVersions(m.lookup("a/x").ID); torn {
		t.Error("the first version of the file is loose after its upload")
	}
	seen := false
	d.after = func() {
		versions, torn := d.looseVersions(m.lookup("a/x").ID)
		seen = seen || versions > 1
		if versions > 1 && torn {
			t.Error("a power cut would leave a version without its bytes")
		}
	}
	m.mustUpload()
	if !seen {
		t.Error("the file was not put again")
	}
	d.after = nil
	m.mustPublish()
	m.sound()
}

// looseVersions counts the blobs of an object, and reports whether one of them is loose.
func (d *disk) looseVersions(id clfs.ID) (versions int, loose bool) {
	for info, err := range blob.All(context.Background(), d.Container, "") {
		if err != nil {
			panic(err)
		}
		if name, err := clfs.ParseName(info.Name); err == nil && name.ID == id {
			versions++
			loose = loose || d.loose[info.Name]
		}
	}
	return versions, loose
}

func TestAPowerCutAtTheEndOfALoadLeavesNoTornRoot(t *testing.T) {
	d := newDisk()
	f := newFixture(t, compression.None)
	for i := range 300 {
		f.file(fmt.Sprintf("%0250d", i), 0)
	}
	f.scanned()
	d.after = func() {
		for _, names := range []bool{true, false} {
			published(t, d.cut(t, names))
		}
	}
	f.mustLoad(d)
	f.sound(d)
}
