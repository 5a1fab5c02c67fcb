package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/inventory"
)

// watchedInto is a service with a container of some directories of files, and the source that it
// was loaded from.
func watchedInto(t *testing.T, directories, files int) (c *watchedContainer, source string) {
	t.Helper()
	c, source = wideContainer(t, 0, 0, 0), t.TempDir()
	for d := range directories {
		dir := filepath.Join(source, fmt.Sprint("directory-", d))
		mustMkdir(t, dir)
		for f := range files {
			writeFile(t, filepath.Join(dir, fmt.Sprint("file-", f)), "text")
		}
	}
	clfsload(t, "load", "--new", "--into", "/loaded", filepath.Join(t.TempDir(), "state"), source, c.url).mustExit(exitOK)
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
		count := c.requests(func() {
			clfsload(t, append([]string{"load", "--into", "/loaded", state, source, c.url}, r.flags...)...).mustExit(exitOK)
		})
		if change := changesOf(before, c.Blobs("container")); len(change.added)+len(change.gone)+len(change.rewritten) > 0 {
			t.Errorf("%s: %s", r.name, change)
		}
		if count["Put"] > 0 || count["Get"]+count["List"] > r.most {
			t.Errorf("%s: requests %v", r.name, count)
		}
	}
	byName := filepath.Join(t.TempDir(), "state")
	count := c.requests(func() {
		clfsload(t, "load", "--new", "--into", "/loaded", "--ignore-existing", byName, source, c.url).mustExit(exitOK)
	})
	if count["Put"] > 0 || count["Get"]+count["List"] > 4*directories+20 {
		t.Errorf("by name: requests %v", count)
	}
}

// A load adds what it has, however many there were before from elsewhere.
func TestLoadsGoIntoOneContainerOneAfterTheOther(t *testing.T) {
	n := smallInto(t, "/one")
	first := *n
	first.load().mustExit(exitOK)
	second := *n
	second.state, second.path, second.source = n.state+"-2", "/two", t.TempDir()
	must(t, directoryWith("file of two")(filepath.Join(second.source, "d")))
	second.load().mustExit(exitOK)
	writeFile(t, filepath.Join(second.source, "later"), "later")
	second.again().mustExit(exitOK)
	third := *n
	third.state, third.path = n.state+"-3", "/two/d"
	third.load().mustExit(exitOK)
	for _, old := range []*into{&first, &second} {
		n.mustLeaveContainer(func() {
			old.again("--update", "--delete").mustExit(exitState).mustBeOneLine()
			old.again("--update", "--dry-run").mustExit(exitState).mustBeOneLine()
		})
	}
	third.again("--update", "--delete").mustExit(exitOK)
	tree := readContainer(t, n.inventory()).Tree
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
	tree, source := goldenTree(t), t.TempDir()
	directory := t.TempDir()
	tr := transfer{state: filepath.Join(directory, "state"), source: tree, blobs: filepath.Join(directory, "container")}
	clfsload(t, tr.begin("--preserve-hardlinks")...).mustExit(exitOK)
	n := &into{t, "/added/here", source, "", tr.blobs, tr.state}
	writeFiles(t, source, 300)
	n.again().mustExit(exitOK)
	want := listTree(t, source)

	i := &intake{t: t, state: tr.state, target: "dir:" + tr.blobs}
	i.mount = mountWith(t, mountPoint(t), i.flags(quickly))
	reportLines(t, "the mount differs from the source", inventory.Compare(want, listTree(t, i.path("added/here")), inventory.Scope{HardLinks: true}))
	was := listTree(t, tree)
	is := listTree(t, i.point)
	for path, e := range was {
		if got := is[path]; path != "." && (got.Type != e.Type || got.Hash != e.Hash || got.Target != e.Target) {
			t.Errorf("%s in the mount is %+v, was %+v", path, got, e)
		}
	}
	writeFile(t, i.path("added/here/written"), "in the mount")
	mustMkdir(t, i.path("added/made"))
	must(t, os.Remove(i.path("added/here/fa")))
	i.unmounted()
	n.verify()

	writeFile(t, filepath.Join(source, "one more"), "more")
	n.again("--update").mustExit(exitOK)
	contents := readContainer(t, n.inventory())
	for path, there := range map[string]bool{"added/here/written": true, "added/made": true, "added/here/one more": true, "added/here/fa": true} {
		if _, is := contents.Tree[path]; is != there {
			t.Errorf("%s is there: %v", path, is)
		}
	}
	n.again("--update", "--delete").mustExit(exitOK)
	n.verify()
	i.again(quickly...)
	reportLines(t, "the mount differs from the source", inventory.Compare(listTree(t, source), listTree(t, i.path("added/here")), inventory.Scope{HardLinks: true}))
	i.endsWell(unix.SIGTERM)
}

// A mount that has given up an upload has what nobody else has.
func TestTheSTATEOfAMountThatHasNotUploadedAllTakesNoLoad(t *testing.T) {
	c, source := newMeteredContainer(t), t.TempDir()
	writeFile(t, filepath.Join(source, "new"), "new")
	i := newIntakeInto(t, c.url)
	writeFile(t, i.path("published"), "published")
	i.publish()
	c.holdBack(exceptBucket)
	writeFile(t, i.path("not uploaded"), "not uploaded")
	i.killed()
	c.holdBack(nil)
	load := []string{"load", "--into", "/loaded", i.state, source, c.url}
	before := c.Blobs("container")
	for _, more := range []string{"--update", "--dry-run"} {
		clfsload(t, append(load, more)...).mustExit(exitState).mustBeOneLine().mustSay("not uploaded")
	}
	if change := changesOf(before, c.Blobs("container")); len(change.added)+len(change.gone) > 0 {
		t.Errorf("a refused load has changed %s", change)
	}
	i.again(quickly...)
	if text := readText(t, i.path("not uploaded")); text != "not uploaded" {
		t.Errorf("the file has %q", text)
	}
	i.unmounted()
	clfsload(t, load...).mustExit(exitOK)
	tree := readContainer(t, lived(c.inventory())).Tree
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
		must(t, err)
		return list
	}
	before := logs()
	n.load().mustExit(exitOK)
	if after := logs(); len(before) != 1 || len(after) != 1 || before[0] != after[0] {
		t.Errorf("logs %v, then %v", before, after)
	}
	n.verify()
}
