package into

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/trees"
)

// smallInto has a container and a source with some names in common.
func smallInto(t *testing.T, path string) *into {
	t.Helper()
	tree, source := t.TempDir(), t.TempDir()
	harness.MustMkdir(t, filepath.Join(tree, "directory"))
	harness.WriteFile(t, filepath.Join(tree, "directory", "file"), "text")
	harness.WriteFile(t, filepath.Join(tree, "file"), "text")
	harness.MustMkdir(t, filepath.Join(source, "more"))
	harness.WriteFile(t, filepath.Join(source, "more", "new"), "new")
	harness.WriteFile(t, filepath.Join(source, "new"), "new")
	return newInto(t, tree, source, path)
}

func TestMissingEntriesAreAddedAndTheDirectoriesAboveAreMade(t *testing.T) {
	for _, path := range []string{"/", "/directory", "/made", "/directory/made/here", "//made/./twice//"} {
		t.Run(path, func(t *testing.T) {
			n := smallInto(t, path)
			harness.Must(t, os.Chmod(n.source, 0o2750))
			n.load().MustExit(harness.ExitOK)
			for _, existing := range []string{"/", "/directory"} {
				if path == existing { // keeps its attributes without --update
					harness.Must(t, os.Chmod(n.source, 0o755))
				}
			}
			_, _ = harness.Rsync("-a", harness.ExactTimes, "--mkpath", n.source+"/", n.destination()+"/")
			contents := trees.ReadContainer(t, n.inventory())
			want := trees.List(t, n.copied)
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
			trees.ReportLines(t, "the container differs", inventory.Compare(want, contents.Tree, inventory.Scope{}))
			n.verify()
			n.mustLeaveContainer(func() { n.again().MustExit(harness.ExitOK) })
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
				n.mustLeaveAll(func() { n.load(append(more, "--update", "--delete")...).MustExit(harness.ExitUsage).MustBeOneLine() })
				n.path = "/made"
				n.load().MustExit(harness.ExitOK) // the container is free
			})
		}
	}
}

func TestFlagsOfALoadIntoAContainerNeedEachOther(t *testing.T) {
	n := smallInto(t, "/directory")
	for _, flag := range []string{"--update", "--delete", "--checksum", "--size-only", "--ignore-existing", "--detached"} {
		n.mustLeaveAll(func() {
			harness.Clfsload(t, "load", "--new", flag, n.state, n.source, "dir:"+n.blobs).MustExit(harness.ExitUsage).MustBeOneLine().MustSay("--into")
		})
	}
	for _, flags := range [][]string{{"--checksum", "--size-only"}, {"--size-only", "--ignore-existing"}, {"--checksum", "--ignore-existing"}} {
		n.mustLeaveAll(func() { n.load(flags...).MustExit(harness.ExitUsage).MustBeOneLine() })
	}
}

// What was refused made neither STATE nor a container.
func TestThereMustBeAContainerToLoadInto(t *testing.T) {
	n := smallInto(t, "/directory")
	for _, more := range [][]string{nil, {"--dry-run"}} {
		n.blobs = filepath.Join(t.TempDir(), "none")
		n.load(more...).MustExit(harness.ExitNoContainer).MustBeOneLine()
		harness.MustNotExist(t, n.blobs)
		n.blobs = t.TempDir()
		n.mustLeaveAll(func() { n.load(more...).MustExit(harness.ExitDamaged).MustBeOneLine() })
	}
}

func TestAContainerWithSignsOfACacheTakesNoLoadUnlessItIsDetached(t *testing.T) {
	for _, id := range []clfs.ID{clfs.SpaceTrackerID, clfs.SnapshotDBID} {
		n := smallInto(t, "/directory")
		trees.ForeignBlob(t, n.blobs, id)
		for _, more := range [][]string{nil, {"--dry-run"}} {
			n.mustLeaveAll(func() { n.load(more...).MustExit(harness.ExitBusy).MustBeOneLine().MustSay("--detached") })
		}
		n.load("--detached").MustExit(harness.ExitOK)
	}
}

func TestALoadThatIsUnderWayTakesNoOtherSourceOrPath(t *testing.T) {
	n := smallInto(t, "/")
	harness.WriteFile(t, filepath.Join(n.source, "file"), "other text")
	n.load().MustExit(harness.ExitIncomplete)
	other := *n
	other.source = t.TempDir()
	n.mustLeaveContainer(func() {
		other.again().MustExit(harness.ExitState).MustBeOneLine().MustSay("SOURCE")
		other = *n
		other.path = "/directory"
		other.again().MustExit(harness.ExitState).MustBeOneLine().MustSay("--into")
		harness.Clfsload(t, "load", n.state, n.source, "dir:"+n.blobs).MustExit(harness.ExitState).MustBeOneLine().MustSay("--into")
		n.again("--exclude", "*.o").MustExit(harness.ExitState).MustBeOneLine().MustSay("--exclude")
		n.again("--dry-run").MustExit(harness.ExitState).MustBeOneLine()
		n.again("--new").MustExit(harness.ExitState).MustBeOneLine()
	})
	n.again("--update").MustExit(harness.ExitOK)
	other = *n
	other.source, other.path = t.TempDir(), "/directory"
	harness.WriteFile(t, filepath.Join(other.source, "another"), "one")
	other.again().MustExit(harness.ExitOK) // no load is under way
	contents := trees.ReadContainer(t, n.inventory())
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
			harness.Must(t, c.there(filepath.Join(tree, "same")))
			harness.Must(t, c.comes(filepath.Join(source, "same")))
			harness.WriteFile(t, filepath.Join(source, "new"), "new")
			harness.SetTimes(t, filepath.Join(source, "same"), unix.Timespec{Sec: 1}, unix.Timespec{Sec: 1})
			n := newInto(t, tree, source, "/")
			before := trees.ReadContainer(t, n.inventory()).Tree
			published := *n
			published.state += "-2"
			published.blobs += "-2"
			harness.RunTool(t, "cp", "-a", n.blobs, published.blobs)
			n.load().MustExit(harness.ExitIncomplete).MustSay("same", "--update")
			trees.ReportLines(t, "the container was changed", inventory.Compare(before, trees.Readable(t, n.inventory()), inventory.Full))

			n.again("--update", "--delete").MustExit(harness.ExitOK)
			want := trees.List(t, n.source)
			trees.ReportLines(t, "the container is not the source", inventory.Compare(want, trees.ReadContainer(t, n.inventory()).Tree, inventory.Scope{}))
			n.verify()

			published.load("--publish-incomplete").MustExit(harness.ExitIncomplete).MustSay("published")
			after := trees.ReadContainer(t, published.inventory()).Tree
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
	harness.RequireRoot(t)
	tree, source := t.TempDir(), t.TempDir()
	harness.Must(t, directoryWith("file")(filepath.Join(tree, "d")))
	harness.RunTool(t, "cp", "-a", filepath.Join(tree, "d"), source)
	harness.RunTool(t, "chmod", "-R", "700", source)
	harness.RunTool(t, "chown", "-R", "1234:1234", source)
	n := newInto(t, tree, source, "/")
	n.mustLeaveContainer(func() { n.load().MustExit(harness.ExitOK) })
	n.again("--update").MustExit(harness.ExitOK)
	trees.ReportLines(t, "the container is not the source", inventory.Compare(trees.List(t, source), trees.ReadContainer(t, n.inventory()).Tree, inventory.Scope{}))
}
