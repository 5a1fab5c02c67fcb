package into

import (
	"os"
	"path/filepath"
	"testing"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/trees"
)

// linkedInto has a file of the names "inside/x", "inside/y" and "outside".
func linkedInto(t *testing.T) *into {
	t.Helper()
	tree, source := t.TempDir(), t.TempDir()
	harness.MustMkdir(t, filepath.Join(tree, "inside"))
	harness.WriteFile(t, filepath.Join(tree, "outside"), "one")
	for _, name := range []string{"x", "y"} {
		harness.Must(t, os.Link(filepath.Join(tree, "outside"), filepath.Join(tree, "inside", name)))
	}
	return newInto(t, tree, source, "/inside")
}

// sourceFile makes a file of SOURCE: either as the linked one is, or another.
func (n *into) sourceFile(name string, same bool) {
	n.t.Helper()
	path := filepath.Join(n.source, name)
	if same {
		harness.RunTool(n.t, "cp", "-p", filepath.Join(n.copied, "outside"), path)
		return
	}
	harness.WriteFile(n.t, path, "another one")
}

func (n *into) sourceLink(name, further string) {
	n.t.Helper()
	harness.Must(n.t, os.Link(filepath.Join(n.source, name), filepath.Join(n.source, further)))
}

// A file that has a name outside of PATH keeps it, and its contents, whatever becomes of its names
// inside.
func TestNamesOutsideOfPathKeepTheirFileWhateverBecomesOfThoseInside(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(n *into)
	}{
		{"all are removed", func(*into) {}},
		{"one is removed", func(n *into) { n.sourceFile("x", true) }},
		{"one is another file", func(n *into) { n.sourceFile("x", false); n.sourceFile("y", true) }},
		{"all are one other file", func(n *into) { n.sourceFile("x", false); n.sourceLink("x", "y") }},
		{"all are other files", func(n *into) { n.sourceFile("x", false); n.sourceFile("y", false) }},
		{"one is a link to a new file", func(n *into) { n.sourceFile("a", false); n.sourceLink("a", "x"); n.sourceFile("y", true) }},
		{"one is a directory", func(n *into) { harness.MustMkdir(n.t, filepath.Join(n.source, "x")); n.sourceFile("y", true) }},
		{"one is a symbolic link", func(n *into) { harness.Must(n.t, os.Symlink("y", filepath.Join(n.source, "x"))) }},
		{"a third is added", func(n *into) { n.sourceFile("x", true); n.sourceLink("x", "y"); n.sourceLink("x", "z") }},
		{"one is added in another directory", func(n *into) {
			n.sourceFile("x", true)
			harness.MustMkdir(n.t, filepath.Join(n.source, "d"))
			n.sourceLink("x", "d/y")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := linkedInto(t)
			c.make(n)
			n.load("--update", "--delete", "--preserve-hardlinks").MustExit(harness.ExitOK)
			contents := trees.ReadContainer(t, n.inventory())
			if is := contents.Tree["outside"]; is.Size != 3 {
				t.Errorf("outside is %+v", is)
			}
			want := inventory.Tree{}
			for path, e := range trees.List(t, n.source) {
				if e.Type == clfs.TypeDirectory {
					continue
				}
				want[filepath.Join("inside", path)] = e
			}
			for path, e := range want {
				if is := contents.Tree[path]; is.Type != e.Type || is.Hash != e.Hash || is.Target != e.Target {
					t.Errorf("%s is %+v, want %+v", path, is, e)
				}
			}
			n.verify()
			n.mustLeaveContainer(func() { n.again("--update", "--delete", "--preserve-hardlinks").MustExit(harness.ExitOK) })
		})
	}
}

// Without --preserve-hardlinks each name in SOURCE is a file of its own; those that are the same
// are left alone.
func TestLinksOfTheContainerStayWhereTheirContentsAreTheSame(t *testing.T) {
	n := linkedInto(t)
	n.sourceFile("x", true)
	n.sourceFile("y", true)
	n.load("--update", "--delete").MustExit(harness.ExitOK)
	if group := trees.ReadContainer(t, n.inventory()).Tree["outside"].Group; group != "inside/x" {
		t.Errorf("the first name of outside is %s", group)
	}
}

// loadsInto loads a source into a container that is there, with the STATE of an earlier load of
// it, and wants the container to be the source then.
func loadsInto(t *testing.T, tr harness.Transfer) {
	t.Helper()
	harness.Clfsload(t, tr.Resume("--into", "/", "--update", "--delete", "--preserve-hardlinks")...).MustExit(harness.ExitOK)
	trees.MustHold(t, trees.List(t, tr.Source), trees.Lived(trees.DirectoryBlobs(t, tr.Blobs)), trees.AsCopied)
	harness.Clfsload(t, "verify", "dir:"+tr.Blobs).MustExit(harness.ExitOK)
}

// A file that has lost one of its names is uploaded with the others.
func TestALoadTakesAwayOneOfTheNamesOfAFile(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"removed":  os.Remove,
		"replaced": func(path string) error { return os.Rename(filepath.Join(filepath.Dir(path), "other"), path) },
	} {
		t.Run(name, func(t *testing.T) {
			source := t.TempDir()
			harness.WriteFile(t, filepath.Join(source, "first"), "text")
			harness.WriteFile(t, filepath.Join(source, "other"), "another text")
			harness.Must(t, os.Link(filepath.Join(source, "first"), filepath.Join(source, "second")))
			tr := harness.NewTransfer(t, source)
			harness.Clfsload(t, tr.Begin("--preserve-hardlinks")...).MustExit(harness.ExitOK)
			harness.Must(t, change(filepath.Join(source, "second")))
			loadsInto(t, tr)
		})
	}
}

// The file that the first name of SOURCE was a link to is no longer in the container when its
// second name is found.
func TestALinkToAFileThatWasReplacedSinceIsANewFile(t *testing.T) {
	u := trees.NewUnreadable(t, 0, 0)
	tree := filepath.Join(u.Directory, "tree")
	harness.MustMkdir(t, tree)
	harness.WriteFile(t, filepath.Join(u.Source, "x"), "one")
	harness.RunTool(t, "cp", "-a", filepath.Join(u.Source, "x"), tree)
	harness.Clfsload(t, "load", "--new", filepath.Join(u.Directory, "base"), tree, "dir:"+u.Blobs).MustExit(harness.ExitOK)
	harness.RunTool(t, "chmod", "-R", "a+rwX", u.Blobs)
	closed := filepath.Join(u.Source, "closed")
	harness.MustMkdir(t, closed)
	harness.Must(t, os.Link(filepath.Join(u.Source, "x"), filepath.Join(closed, "z")))
	u.Closed = []string{closed}
	u.Chmod(t, 0)
	flags := []string{"--into", "/", "--preserve-hardlinks", "--update"}
	u.Load(t, "dir:"+u.Blobs, append(flags, "--new")...).Wait().MustExit(harness.ExitIncomplete).MustSay("closed")
	harness.Must(t, os.Remove(filepath.Join(u.Source, "x")))
	harness.WriteFile(t, filepath.Join(u.Source, "x"), "another one")
	u.Chmod(t, 0o755)
	u.Load(t, "dir:"+u.Blobs, append(flags, "--delete")...).Wait().MustExit(harness.ExitOK)
	contents := trees.ReadContainer(t, trees.Lived(trees.DirectoryBlobs(t, u.Blobs)))
	trees.ReportLines(t, "the container differs", inventory.Compare(trees.List(t, u.Source), contents.Tree, inventory.Scope{HardLinks: true}))
}

// A directory that became something else is forgotten with all that a run has found below. The file
// that was there before keeps its other names.
func TestForgettingADirectoryTakesOnlyThatNameOfALinkedFile(t *testing.T) {
	n := linkedInto(t)
	n.sourceFile("x", true)
	harness.WriteFile(t, filepath.Join(n.source, "y"), "something else")
	harness.MustMkdir(t, filepath.Join(n.source, "new"))
	n.sourceLink("x", "new/z")
	n.load("--preserve-hardlinks").MustExit(harness.ExitIncomplete)
	harness.Must(t, os.RemoveAll(filepath.Join(n.source, "new")))
	harness.WriteFile(t, filepath.Join(n.source, "new"), "a file")
	n.again("--preserve-hardlinks", "--update").MustExit(harness.ExitIncomplete).MustSay("new")
	n.again("--preserve-hardlinks", "--update").MustExit(harness.ExitOK)
	tree := trees.ReadContainer(t, n.inventory()).Tree
	if tree["outside"].Size != 3 || tree["inside/x"].Group != tree["outside"].Group || tree["inside/new"].Size != 6 {
		t.Errorf("the container has %v", tree)
	}
	n.verify()
}
