package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/inventory"
)

// smallInto has a container and a source with some names in common.
func smallInto(t *testing.T, path string) *into {
	t.Helper()
	tree, source := t.TempDir(), t.TempDir()
	mustMkdir(t, filepath.Join(tree, "directory"))
	writeFile(t, filepath.Join(tree, "directory", "file"), "text")
	writeFile(t, filepath.Join(tree, "file"), "text")
	mustMkdir(t, filepath.Join(source, "more"))
	writeFile(t, filepath.Join(source, "more", "new"), "new")
	writeFile(t, filepath.Join(source, "new"), "new")
	return newInto(t, tree, source, path)
}

func TestMissingEntriesAreAddedAndTheDirectoriesAboveAreMade(t *testing.T) {
	for _, path := range []string{"/", "/directory", "/made", "/directory/made/here", "//made/./twice//"} {
		t.Run(path, func(t *testing.T) {
			n := smallInto(t, path)
			must(t, os.Chmod(n.source, 0o2750))
			n.load().mustExit(exitOK)
			for _, existing := range []string{"/", "/directory"} {
				if path == existing { // keeps its attributes without --update
					must(t, os.Chmod(n.source, 0o755))
				}
			}
			_, _ = rsync("-a", exactTimes, "--mkpath", n.source+"/", n.destination()+"/")
			contents := readContainer(t, n.inventory())
			want := listTree(t, n.copied)
			for name, e := range want {
				if e.Type == clfs.TypeDirectory && !strings.HasSuffix(name, "more") && !strings.HasSuffix(path, "/"+filepath.Base(name)) {
					e.Mtime = contents.Tree[name].Mtime
					want[name] = e
				}
			}
			if path == "/" || path == "/directory" {
				name := filepath.Join(".", path)
				e := want[name]
				e.Mode, e.Mtime = contents.Tree[name].Mode, contents.Tree[name].Mtime
				want[name] = e
			}
			reportLines(t, "the container differs", inventory.Compare(want, contents.Tree, inventory.Scope{}))
			n.verify()
			n.mustLeaveContainer(func() { n.again().mustExit(exitOK) })
		})
	}
}

func TestAPathThatCannotBeADirectoryIsRefusedBeforeAnythingIsChanged(t *testing.T) {
	for name, path := range map[string]string{
		"a file": "/file", "below a file": "/directory/file/below", "above": "/directory/../other", "relative": "directory",
		"dot": ".", "a name too long": "/directory/" + strings.Repeat("n", 256),
	} {
		for _, more := range [][]string{nil, {"--dry-run"}} {
			t.Run(strings.Join(append(more, name), " "), func(t *testing.T) {
				n := smallInto(t, path)
				n.mustLeaveAll(func() { n.load(append(more, "--update", "--delete")...).mustExit(exitUsage).mustBeOneLine() })
				n.path = "/made"
				n.load().mustExit(exitOK) // the container is free
			})
		}
	}
}

func TestFlagsOfALoadIntoAContainerNeedEachOther(t *testing.T) {
	n := smallInto(t, "/directory")
	for _, flag := range []string{"--update", "--delete", "--checksum", "--size-only", "--ignore-existing", "--detached"} {
		n.mustLeaveAll(func() {
			clfsload(t, "load", "--new", flag, n.state, n.source, "dir:"+n.blobs).mustExit(exitUsage).mustBeOneLine().mustSay("--into")
		})
	}
	for _, flags := range [][]string{{"--checksum", "--size-only"}, {"--size-only", "--ignore-existing"}, {"--checksum", "--ignore-existing"}} {
		n.mustLeaveAll(func() { n.load(flags...).mustExit(exitUsage).mustBeOneLine() })
	}
}

// What was refused made neither STATE nor a container.
func TestThereMustBeAContainerToLoadInto(t *testing.T) {
	n := smallInto(t, "/directory")
	for _, more := range [][]string{nil, {"--dry-run"}} {
		n.blobs = filepath.Join(t.TempDir(), "none")
		n.load(more...).mustExit(exitNoContainer).mustBeOneLine()
		mustNotExist(t, n.blobs)
		n.blobs = t.TempDir()
		n.mustLeaveAll(func() { n.load(more...).mustExit(exitDamaged).mustBeOneLine() })
	}
}

func TestAContainerWithSignsOfACacheTakesNoLoadUnlessItIsDetached(t *testing.T) {
	for _, id := range []clfs.ID{clfs.SpaceTrackerID, clfs.SnapshotDBID} {
		n := smallInto(t, "/directory")
		foreignBlob(t, n.blobs, id)
		for _, more := range [][]string{nil, {"--dry-run"}} {
			n.mustLeaveAll(func() { n.load(more...).mustExit(exitBusy).mustBeOneLine().mustSay("--detached") })
		}
		n.load("--detached").mustExit(exitOK)
	}
}

func TestALoadThatIsUnderWayTakesNoOtherSourceOrPath(t *testing.T) {
	n := smallInto(t, "/")
	writeFile(t, filepath.Join(n.source, "file"), "other text")
	n.load().mustExit(exitIncomplete)
	other := *n
	other.source = t.TempDir()
	n.mustLeaveContainer(func() {
		other.again().mustExit(exitState).mustBeOneLine().mustSay("SOURCE")
		other = *n
		other.path = "/directory"
		other.again().mustExit(exitState).mustBeOneLine().mustSay("--into")
		clfsload(t, "load", n.state, n.source, "dir:"+n.blobs).mustExit(exitState).mustBeOneLine().mustSay("--into")
		n.again("--exclude", "*.o").mustExit(exitState).mustBeOneLine().mustSay("--exclude")
		n.again("--dry-run").mustExit(exitState).mustBeOneLine()
		n.again("--new").mustExit(exitState).mustBeOneLine()
	})
	n.again("--update").mustExit(exitOK)
	other = *n
	other.source, other.path = t.TempDir(), "/directory"
	writeFile(t, filepath.Join(other.source, "another"), "one")
	other.again().mustExit(exitOK) // no load is under way
	contents := readContainer(t, n.inventory())
	if len(contents.Tree) != 8 {
		t.Errorf("the container has %v", contents.Tree)
	}
}

// differing is an entry of the container and what the source has in its place.
type differing struct {
	name         string
	there, comes func(path string) error
}

func file(text string) func(path string) error {
	return func(path string) error { return os.WriteFile(path, []byte(text), 0o644) }
}

func symlink(target string) func(path string) error {
	return func(path string) error { return os.Symlink(target, path) }
}

func directoryWith(name string) func(path string) error {
	return func(path string) error {
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(path, name), []byte("text"), 0o644)
	}
}

func TestWithoutUpdateNothingThatDiffersIsOverwritten(t *testing.T) {
	for _, c := range []differing{
		{"size", file("text"), file("longer text")}, {"mtime", file("text"), file("else")}, {"type", file("text"), symlink("text")},
		{"target", symlink("one"), symlink("two")}, {"directory for file", file("text"), directoryWith("new")},
		{"file for directory", directoryWith("old"), file("text")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tree, source := t.TempDir(), t.TempDir()
			must(t, c.there(filepath.Join(tree, "same")))
			must(t, c.comes(filepath.Join(source, "same")))
			writeFile(t, filepath.Join(source, "new"), "new")
			setTimes(t, filepath.Join(source, "same"), unix.Timespec{Sec: 1}, unix.Timespec{Sec: 1})
			n := newInto(t, tree, source, "/")
			before := readContainer(t, n.inventory()).Tree
			published := *n
			published.state += "-2"
			published.blobs += "-2"
			runTool(t, "cp", "-a", n.blobs, published.blobs)
			n.load().mustExit(exitIncomplete).mustSay("same", "--update")
			reportLines(t, "the container was changed", inventory.Compare(before, readable(t, n.inventory()), inventory.Full))

			n.again("--update", "--delete").mustExit(exitOK)
			want := listTree(t, n.source)
			reportLines(t, "the container is not the source", inventory.Compare(want, readContainer(t, n.inventory()).Tree, inventory.Scope{}))
			n.verify()

			published.load("--publish-incomplete").mustExit(exitIncomplete).mustSay("published")
			after := readContainer(t, published.inventory()).Tree
			if after["new"].Hash != want["new"].Hash {
				t.Error("the other entry was not published")
			}
			for path, e := range before {
				if path != "." && after[path] != e {
					t.Errorf("%s was %+v, is %+v", path, e, after[path])
				}
			}
			published.verify()
		})
	}
}

// Whoever adds does not take the rights of others.
func TestWithoutUpdateAttributesAreLeftAlone(t *testing.T) {
	requireRoot(t)
	tree, source := t.TempDir(), t.TempDir()
	must(t, directoryWith("file")(filepath.Join(tree, "d")))
	runTool(t, "cp", "-a", filepath.Join(tree, "d"), source)
	runTool(t, "chmod", "-R", "700", source)
	runTool(t, "chown", "-R", "1234:1234", source)
	n := newInto(t, tree, source, "/")
	n.mustLeaveContainer(func() { n.load().mustExit(exitOK) })
	n.again("--update").mustExit(exitOK)
	reportLines(t, "the container is not the source", inventory.Compare(listTree(t, source), readContainer(t, n.inventory()).Tree, inventory.Scope{}))
}
