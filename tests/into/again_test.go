package into

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// watchedInto is a service with a container of some directories of files, and the source that it
// was loaded from.
func watchedInto(t *testing.T, directories, files int) (c *remote.Watched, source string) {
	t.Helper()
	c, source = remote.WideContainer(t, 0, 0, 0), t.TempDir()
	for d := range directories {
		dir := filepath.Join(source, fmt.Sprint("directory-", d))
		harness.MustMkdir(t, dir)
		for f := range files {
			harness.WriteFile(t, filepath.Join(dir, fmt.Sprint("file-", f)), "text")
		}
	}
	harness.Clfsload(t, "load", "--new", "--into", "/loaded", filepath.Join(t.TempDir(), "state"), source, c.URL).MustExit(harness.ExitOK)
	return c, source
}

func TestASecondRunAsksForNoEntry(t *testing.T) {
	const directories, files = 3, 40
	c, source := watchedInto(t, directories, files)
	state := filepath.Join(t.TempDir(), "state")
	for _, r := range []struct {
		name  string
		flags []string
		most  int // reads: two find the newest version of an object, and read it
	}{
		{"a new STATE", []string{"--new", "--update", "--delete"}, 2*directories*files + 4*directories + 20},
		{"the same STATE", []string{"--update", "--delete"}, 15},
		{"the same STATE without --update", nil, 15},
		{"the same STATE, by size", []string{"--size-only"}, 15},
		{"the same STATE, by contents", []string{"--checksum", "--update"}, 2*directories*files + 15},
	} {
		before := c.Blobs("container")
		count := c.Requests(func() {
			harness.Clfsload(t, append([]string{"load", "--into", "/loaded", state, source, c.URL}, r.flags...)...).MustExit(harness.ExitOK)
		})
		if change := trees.ChangesOf(before, c.Blobs("container")); len(change.Added)+len(change.Gone)+len(change.Rewritten) > 0 {
			t.Errorf("%s: %s", r.name, change)
		}
		if count["Put"] > 0 || count["Get"]+count["List"] > r.most {
			t.Errorf("%s: requests %v", r.name, count)
		}
	}
	byName := filepath.Join(t.TempDir(), "state")
	count := c.Requests(func() {
		harness.Clfsload(t, "load", "--new", "--into", "/loaded", "--ignore-existing", byName, source, c.URL).MustExit(harness.ExitOK)
	})
	if count["Put"] > 0 || count["Get"]+count["List"] > 4*directories+20 {
		t.Errorf("by name: requests %v", count)
	}
}

// A load adds what it has, however many there were before from elsewhere.
func TestLoadsGoIntoOneContainerOneAfterTheOther(t *testing.T) {
	n := smallInto(t, "/one")
	first := *n
	first.load().MustExit(harness.ExitOK)
	second := *n
	second.state, second.path, second.source = n.state+"-2", "/two", t.TempDir()
	harness.Must(t, directoryWith("file of two")(filepath.Join(second.source, "d")))
	second.load().MustExit(harness.ExitOK)
	harness.WriteFile(t, filepath.Join(second.source, "later"), "later")
	second.again().MustExit(harness.ExitOK)
	third := *n
	third.state, third.path = n.state+"-3", "/two/d"
	third.load().MustExit(harness.ExitOK)
	for _, old := range []*into{&first, &second} {
		n.mustLeaveContainer(func() {
			old.again("--update", "--delete").MustExit(harness.ExitState).MustBeOneLine()
			old.again("--update", "--dry-run").MustExit(harness.ExitState).MustBeOneLine()
		})
	}
	third.again("--update", "--delete").MustExit(harness.ExitOK)
	tree := trees.ReadContainer(t, n.inventory()).Tree
	for _, path := range []string{"file", "one/new", "two/later", "two/d/new"} {
		if tree[path].Type != clfs.TypeRegular {
			t.Errorf("there is no %s", path)
		}
	}
	if _, there := tree["two/d/file of two"]; there {
		t.Error("the third load has not deleted what its source does not have")
	}
	n.verify()
}

// The state of the load that has made the container is one more that can be loaded into, mounted
// and loaded into again.
func TestTheSTATEOfALoadServesAMountAndFurtherLoads(t *testing.T) {
	tree, source := trees.Golden(t), t.TempDir()
	directory := t.TempDir()
	tr := harness.Transfer{State: filepath.Join(directory, "state"), Source: tree, Blobs: filepath.Join(directory, "container")}
	harness.Clfsload(t, tr.Begin("--preserve-hardlinks")...).MustExit(harness.ExitOK)
	n := &into{t, "/added/here", source, "", tr.Blobs, tr.State}
	harness.WriteFiles(t, source, 300)
	n.again().MustExit(harness.ExitOK)
	want := trees.List(t, source)

	i := &mounted.Intake{T: t, State: tr.State, Target: "dir:" + tr.Blobs}
	i.Mount = mounted.With(t, mounted.Point(t), i.Flags(mounted.Quickly))
	trees.ReportLines(t, "the mount differs from the source", inventory.Compare(want, trees.List(t, i.Path("added/here")), inventory.Scope{HardLinks: true}))
	was := trees.List(t, tree)
	is := trees.List(t, i.Point)
	for path, e := range was {
		if got := is[path]; path != "." && (got.Type != e.Type || got.Hash != e.Hash || got.Target != e.Target) {
			t.Errorf("%s in the mount is %+v, was %+v", path, got, e)
		}
	}
	harness.WriteFile(t, i.Path("added/here/written"), "in the mount")
	harness.MustMkdir(t, i.Path("added/made"))
	harness.Must(t, os.Remove(i.Path("added/here/fa")))
	i.Unmounted()
	n.verify()

	harness.WriteFile(t, filepath.Join(source, "one more"), "more")
	n.again("--update").MustExit(harness.ExitOK)
	contents := trees.ReadContainer(t, n.inventory())
	for path, there := range map[string]bool{"added/here/written": true, "added/made": true, "added/here/one more": true, "added/here/fa": true} {
		if _, is := contents.Tree[path]; is != there {
			t.Errorf("%s is there: %v", path, is)
		}
	}
	n.again("--update", "--delete").MustExit(harness.ExitOK)
	n.verify()
	i.Again(mounted.Quickly...)
	trees.ReportLines(t, "the mount differs from the source", inventory.Compare(trees.List(t, source), trees.List(t, i.Path("added/here")), inventory.Scope{HardLinks: true}))
	i.EndsWell(unix.SIGTERM)
}

// A mount that has given up an upload has what nobody else has.
func TestTheSTATEOfAMountThatHasNotUploadedAllTakesNoLoad(t *testing.T) {
	c, source := remote.NewMetered(t), t.TempDir()
	harness.WriteFile(t, filepath.Join(source, "new"), "new")
	i := mounted.NewIntakeInto(t, c.URL)
	harness.WriteFile(t, i.Path("published"), "published")
	i.Publish()
	c.HoldBack(trees.ExceptBucket)
	harness.WriteFile(t, i.Path("not uploaded"), "not uploaded")
	i.Killed()
	c.HoldBack(nil)
	load := []string{"load", "--into", "/loaded", i.State, source, c.URL}
	before := c.Blobs("container")
	for _, more := range []string{"--update", "--dry-run"} {
		harness.Clfsload(t, append(load, more)...).MustExit(harness.ExitState).MustBeOneLine().MustSay("not uploaded")
	}
	if change := trees.ChangesOf(before, c.Blobs("container")); len(change.Added)+len(change.Gone) > 0 {
		t.Errorf("a refused load has changed %s", change)
	}
	i.Again(mounted.Quickly...)
	if text := harness.ReadText(t, i.Path("not uploaded")); text != "not uploaded" {
		t.Errorf("the file has %q", text)
	}
	i.Unmounted()
	harness.Clfsload(t, load...).MustExit(harness.ExitOK)
	tree := trees.ReadContainer(t, trees.Lived(c.Inventory())).Tree
	for _, path := range []string{"published", "not uploaded", "loaded/new"} {
		if tree[path].Size == 0 {
			t.Errorf("there is no %s", path)
		}
	}
}

// The log in the container is that of the load that has made it.
func TestALoadIntoAContainerKeepsItsLog(t *testing.T) {
	n := smallInto(t, "/directory")
	logs := func() (list []string) {
		list, err := filepath.Glob(filepath.Join(n.blobs, "clfsload-*.log"))
		harness.Must(t, err)
		return list
	}
	before := logs()
	n.load().MustExit(harness.ExitOK)
	if after := logs(); len(before) != 1 || len(after) != 1 || before[0] != after[0] {
		t.Errorf("logs %v, then %v", before, after)
	}
	n.verify()
}
