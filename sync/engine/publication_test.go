package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/blob/mem"
)

// Whatever is moved, at every instant of a publication each entry that is in the
// tree before and after it is found under its old or its new path, and all that
// can be reached is whole.
func TestThePublishedTreeIsWholeAtEveryInstant(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(m *mount)
	}{
		{"a file moves to another directory", func(m *mount) { m.rename("a/x", "b/x2") }},
		{"two files change directories", func(m *mount) { m.rename("a/x", "b/x"); m.rename("b/y", "a/y") }},
		{"three files go round", func(m *mount) { m.rename("a/x", "b/x"); m.rename("b/y", "c/y"); m.rename("c/z", "a/z") }},
		{"a directory moves into a new one", func(m *mount) { m.mkdir("new"); m.rename("a", "new/a") }},
		{"a directory moves into another, and a file out of it", func(m *mount) { m.rename("a", "b/a"); m.rename("b/a/x", "c/x") }},
		{"a file moves by way of a new directory", func(m *mount) {
			m.mkdir("new")
			m.rename("a/x", "new/x")
			m.rename("new/x", "b/x")
			m.rename("b/y", "a/y")
		}},
		{"a link replaces another one", func(m *mount) { m.link("a/x", "b/x"); m.unlink("a/x"); m.rename("b/y", "a/y") }},
		{"a file is overwritten and moved", func(m *mount) {
			m.rewrite("a/x", []byte("new contents"), 3)
			m.mustUpload()
			m.rename("a/x", "b/x")
		}},
		{"a file replaces another one", func(m *mount) { m.write("a/.x.tmp", one, 77); m.rename("a/.x.tmp", "a/x2"); m.rename("a/x2", "b/y") }},
		{"a directory is removed after a file moved out of it", func(m *mount) { m.rename("a/x", "c/x"); m.rmdir("a") }},
		{"a directory moves below one that was in it", func(m *mount) { m.mkdir("a/d"); m.mustPublish(); m.rename("a/d", "d"); m.rename("a", "d/a") }},
		{"everything is removed", func(m *mount) {
			for _, p := range []string{"a/x", "b/y", "c/z"} {
				m.unlink(p)
				m.rmdir(path.Dir(p))
			}
		}},
		{"attributes of everything change", func(m *mount) {
			for _, p := range []string{"a", "a/x", "b", "b/y", "c", "c/z"} {
				m.chmod(p, 0o700)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			container := &spy{Container: mem.New()}
			m := newMount(t, container)
			m.mkdir("a", "b", "c")
			m.write("a/x", one, 1)
			m.write("b/y", 100, 2)
			m.write("c/z", 100, 3)
			m.mustPublish()
			before := m.tree()
			c.change(m)
			m.mustUpload()
			wholeDuring(t, m, container, before)
			m.mustPublish()
			container.after = nil
			m.sound()
		})
	}
}

// wholeDuring looks at the published tree after each put.
func wholeDuring(t *testing.T, m *mount, c *spy, before map[string]entryOf) {
	t.Helper()
	after := m.tree()
	paths, contents := map[clfs.ID][]string{}, map[clfs.ID][]string{}
	for _, e := range before {
		contents[e.id] = append(contents[e.id], e.data)
	}
	for p, e := range after {
		paths[e.id] = append(paths[e.id], p)
		contents[e.id] = append(contents[e.id], e.data)
	}
	var mu sync.Mutex
	c.after = func(name string, _ []byte) {
		mu.Lock()
		defer mu.Unlock()
		now := published(t, c.Container)
		found := map[clfs.ID]bool{}
		for _, e := range now {
			found[e.id] = true
		}
		for p, e := range before {
			if paths[e.id] != nil && !found[e.id] {
				t.Errorf("after %s: what was %s is nowhere, it is to be %s", name, p, paths[e.id])
			}
		}
		for p, e := range now {
			if !slices.Contains(contents[e.id], e.data) {
				t.Errorf("after %s: %s has contents that it never had", name, p)
			}
		}
	}
}

// Two files that change places keep both paths there all the time.
func TestFilesThatAreExchangedAreBothThereAllTheTime(t *testing.T) {
	c := &spy{Container: mem.New()}
	m := newMount(t, c)
	m.mkdir("a", "b")
	m.write("a/f", 100, 1)
	m.write("b/f", 100, 2)
	m.mustPublish()
	before := m.tree()
	m.rename("a/f", "a/g")
	m.rename("b/f", "a/f")
	m.rename("a/g", "b/f")
	m.mustUpload()
	var mu sync.Mutex
	c.after = func(string, []byte) {
		mu.Lock()
		defer mu.Unlock()
		now := published(t, c.Container)
		for _, p := range []string{"/a/f", "/b/f"} {
			if d := now[p].data; d != before["/a/f"].data && d != before["/b/f"].data {
				t.Errorf("%s has neither contents", p)
			}
		}
	}
	m.mustPublish()
	c.after = nil
	m.sound()
}

func TestAFileOpenForWritingKeepsItsLastClosedContents(t *testing.T) {
	m := newMount(t, mem.New())
	old := m.write("old", one, 1)
	m.mustPublish()
	m.rewrite("old", []byte("closed"), 0) // uploaded, and waits for a publication
	m.mustUpload()
	want := m.tree()["/old"]
	m.pwrite(old.Ino, []byte("open"), 0)
	fresh := m.add("fresh", clfs.TypeRegular, "")
	m.pwrite(fresh.Ino, []byte("open"), 0)
	r := m.mustPublish()
	if r.KeptOld != 1 || r.LeftOut != 1 || len(r.Behind) != 2 {
		t.Errorf("report %+v", r)
	}
	for _, b := range r.Behind {
		if b.Node.Flags&state.Opened == 0 || b.Failure != "" || b.KeptOld != (b.Path == "old") {
			t.Errorf("reported: %+v", b)
		}
	}
	got := published(t, m.c)
	if len(got) != 1 || got["/old"].data != want.data {
		t.Errorf("%d entries are published, /old has %d bytes", len(got), len(got["/old"].data))
	}
	m.closeFile(old.Ino)
	m.closeFile(fresh.Ino)
	m.mustPublish()
	m.sound()
}

func TestAnOpenFileIsMovedWithItsOldContents(t *testing.T) {
	m := newMount(t, mem.New())
	m.mkdir("a", "b")
	n := m.write("a/f", one, 1)
	m.mustPublish()
	want := m.tree()["/a/f"].data
	m.pwrite(n.Ino, []byte("open"), one+100)
	m.rename("a/f", "b/f")
	m.mustPublish()
	got := published(t, m.c)
	if got["/b/f"].data != want || len(got) != 3 {
		t.Errorf("/b/f has %d bytes, want %d; %d entries", len(got["/b/f"].data), len(want), len(got))
	}
	m.closeFile(n.Ino)
	m.mustPublish()
	m.sound()
}

func TestANameWhoseNewFileIsNotUploadedYetKeepsItsFormerOne(t *testing.T) {
	m := newMount(t, mem.New())
	m.mkdir("d")
	m.write("d/x", one, 1)
	m.write("d/y", one, 2)
	m.mustPublish()
	want := m.tree()
	var late []state.Ino
	for _, target := range []string{"d/x", "d/x", "d/y"} {
		n := m.add(target+".tmp", clfs.TypeRegular, "")
		m.pwrite(n.Ino, []byte("open"), 0)
		m.rename(target+".tmp", target)
		late = append(late, n.Ino)
	}
	for range 2 {
		m.mustPublish()
		m.check(m.engine.Collect(t.Context()))
		got := published(t, m.c)
		for _, p := range []string{"/d/x", "/d/y"} {
			if len(got) != 3 || got[p].data != want[p].data {
				t.Fatalf("%s has %d bytes, want %d; %d entries", p, len(got[p].data), len(want[p].data), len(got))
			}
		}
	}
	m.closeFile(late[1])
	m.mustPublish()
	if got := published(t, m.c); got["/d/x"].data != "open" || got["/d/y"].data != want["/d/y"].data {
		t.Errorf("/d/x is %q, /d/y has %d bytes", got["/d/x"].data, len(got["/d/y"].data))
	}
	m.closeFile(late[2])
	m.mustPublish()
	m.sound()
}

// What a publication that was cut off has not replaced yet is not deleted by the next
// one before that has replaced it.
func TestAFormerFileStaysUntilItsDirectoryIsPublishedWithoutIt(t *testing.T) {
	c := &spy{Container: mem.New()}
	m := newMount(t, c)
	m.mkdir("d")
	m.write("d/x", one, 1)
	m.mustPublish()
	want := m.tree()["/d/x"].data
	late := func() state.Ino {
		n := m.add("d/tmp", clfs.TypeRegular, "")
		m.pwrite(n.Ino, []byte("late"), 0)
		m.rename("d/tmp", "d/x")
		return n.Ino
	}
	first := late()
	m.mustPublish() // lists the former one
	m.closeFile(first)
	m.mustUpload()
	d := m.lookup("d").ID
	c.before = func(name string, _ []byte) error {
		if n, err := clfs.ParseName(name); err == nil && n.ID == d {
			return errRefused
		}
		return nil
	}
	for range 2 {
		if _, err := m.engine.PublishMount(t.Context()); !errors.Is(err, errRefused) {
			t.Fatalf("publication ends with %v", err)
		}
		if got := published(t, c)["/d/x"].data; got != want {
			t.Fatalf("/d/x has %d bytes, want %d", len(got), len(want))
		}
		late()
	}
	c.before = nil
	m.closeFile(m.lookup("d/x").Ino)
	m.mustPublish()
	m.sound()
}

// A file that was replaced in a directory which is then removed goes with it.
func TestAFormerFileGoesWithItsDirectory(t *testing.T) {
	m := newMount(t, mem.New())
	m.mkdir("d")
	m.write("d/x", one, 1)
	m.mustPublish()
	m.add("d/tmp", clfs.TypeRegular, "")
	m.rename("d/tmp", "d/x")
	m.unlink("d/x")
	m.rmdir("d")
	m.mustPublish()
	m.sound()
}

func TestADirectoryInThePlaceOfAFileIsPublishedWhateverWasThereBetween(t *testing.T) {
	m := newMount(t, mem.New())
	m.mkdir("d")
	m.write("d/x", one, 1)
	m.mustPublish()
	m.add("d/tmp", clfs.TypeRegular, "") // not uploaded when it takes the place
	m.rename("d/tmp", "d/x")
	m.unlink("d/x")
	m.mkdir("d/x")
	m.write("d/x/below", one, 2)
	m.mustPublish()
	m.check(m.engine.Collect(t.Context()))
	m.sound()
}

func TestAWideDirectoryIsRewrittenSegmentBySegment(t *testing.T) {
	m := newMount(t, mem.New())
	m.mkdir("wide")
	for i := range 1500 {
		m.add(fmt.Sprintf("wide/%0250d", i), clfs.TypeFIFO, "")
	}
	m.mustPublish()
	m.sound()
	m.unlink(fmt.Sprintf("wide/%0250d", 0))
	m.mustPublish()
	m.sound()
	for i := range 1499 {
		m.unlink(fmt.Sprintf("wide/%0250d", i+1))
	}
	m.mustPublish()
	m.sound()
}

// story is a life of a mount with two publications.
func story(m *mount, upload, publish func()) {
	m.mkdir("a", "b", "b/c")
	m.write("a/x", one, 1)
	m.write("b/y", 100, 2)
	m.write("b/c/large", clfs.FirstSegmentBytes+clfs.SegmentBytes+10, 3)
	m.add("a/link", clfs.TypeSymlink, "x")
	for i := range 100 {
		m.add(fmt.Sprintf("b/c/%0250d", i), clfs.TypeFIFO, "")
	}
	upload()
	m.chmod("b/y", 0o600)
	m.rename("a/link", "b/link")
	upload()
	publish()
	m.rewrite("b/c/large", []byte("new"), clfs.FirstSegmentBytes+clfs.SegmentBytes+2)
	m.rename("a/x", "b/x")
	m.rename("b/y", "a/y")
	m.mkdir("new")
	m.rename("b/c", "new/c")
	m.unlink("b/link")
	for i := range 40 {
		m.unlink(fmt.Sprintf("new/c/%0250d", i))
	}
	m.write("new/file", 10, 8)
	upload()
	publish()
	m.rewrite("new/c/large", []byte("again"), 0)
	m.unlink("a/y")
	m.rmdir("a")
	upload()
	publish()
}

// Wherever a put or a delete fails and the process dies, the next one ends with a
// container that is the tree and nothing else.
func TestWhereverAPutOrDeleteFailsTheMountEndsWhole(t *testing.T) {
	inner := mem.New()
	count := faulty.New(inner)
	m := newMount(t, count)
	story(m, m.mustUpload, func() { m.mustPublish() })
	m.c = inner
	m.sound()
	for _, method := range []faulty.Method{faulty.Put, faulty.Delete, faulty.Get, faulty.Sync} {
		n := count.Calls(method)
		for k := everyFault.IntN(stride); k < n; k += stride {
			for _, after := range []bool{false, true} {
				if after && method == faulty.Get {
					continue
				}
				t.Run(fmt.Sprintf("%s %d of %d, done %v", method, k, n, after), func(t *testing.T) {
					dies(t, method, faulty.Fault{Err: blob.ErrTransient, Skip: k, After: after})
				})
			}
		}
	}
}

// stride is how many calls lie between two that fail: each takes a second of waiting
// for the journal. Which ones they are differs from run to run.
const stride = 15

var everyFault = rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))

func dies(t *testing.T, method faulty.Method, fault faulty.Fault) {
	inner := mem.New()
	c := faulty.New(inner)
	c.On(method, fault)
	m := newMount(t, c)
	repeated := func(fn func() error) {
		t.Helper()
		for range 3 {
			err := fn()
			if err == nil {
				return
			}
			if !errors.Is(err, blob.ErrTransient) {
				t.Fatal(err)
			}
			published(t, inner)
			m.restart()
		}
		t.Fatal("it does not go on")
	}
	story(m, func() { repeated(m.upload) }, func() {
		repeated(func() error { _, err := m.engine.PublishMount(t.Context()); return err })
	})
	m.check(m.engine.Collect(t.Context()))
	m.c = inner
	m.sound()
}

// A program that makes and removes directories all the time holds up no publication.
func TestAPublicationEndsWhileDirectoriesComeAndGo(t *testing.T) {
	c := &spy{Container: mem.New()}
	m := newMount(t, c)
	var mu sync.Mutex
	made := 0
	c.onSync = func() error {
		mu.Lock()
		defer mu.Unlock()
		if made++; made > 1000 {
			return errors.New("the publication does not end")
		}
		m.mkdir(fmt.Sprint("d", made))
		m.rmdir(fmt.Sprint("d", made))
		return nil
	}
	m.mkdir("gone")
	m.rmdir("gone")
	m.mustPublish()
	c.onSync = nil
	m.mustPublish()
	m.sound()
}
