package tests

import (
	"os"
	"path/filepath"
	"testing"

	"clfsload/clfs"
	"clfsload/tests/inventory"
)

// linkedInto has a file of the names "inside/x", "inside/y" and "outside".
func linkedInto(t *testing.T) *into {
	t.Helper()
	tree, source := t.TempDir(), t.TempDir()
	mustMkdir(t, filepath.Join(tree, "inside"))
	writeFile(t, filepath.Join(tree, "outside"), "one")
	for _, name := range []string{"x", "y"} {
		must(t, os.Link(filepath.Join(tree, "outside"), filepath.Join(tree, "inside", name)))
	}
	return newInto(t, tree, source, "/inside")
}

// sourceFile makes a file of SOURCE: either as the linked one is, or another.
func (n *into) sourceFile(name string, same bool) {
	n.t.Helper()
	path := filepath.Join(n.source, name)
	if same {
		runTool(n.t, "cp", "-p", filepath.Join(n.copied, "outside"), path)
		return
	}
	writeFile(n.t, path, "another one")
}

func (n *into) sourceLink(name, further string) {
	n.t.Helper()
	must(n.t, os.Link(filepath.Join(n.source, name), filepath.Join(n.source, further)))
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
		{"one is a directory", func(n *into) { mustMkdir(n.t, filepath.Join(n.source, "x")); n.sourceFile("y", true) }},
		{"one is a symbolic link", func(n *into) { must(n.t, os.Symlink("y", filepath.Join(n.source, "x"))) }},
		{"a third is added", func(n *into) { n.sourceFile("x", true); n.sourceLink("x", "y"); n.sourceLink("x", "z") }},
		{"one is added in another directory", func(n *into) {
			n.sourceFile("x", true)
			mustMkdir(n.t, filepath.Join(n.source, "d"))
			n.sourceLink("x", "d/y")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := linkedInto(t)
			c.make(n)
			n.load("--update", "--delete", "--preserve-hardlinks").mustExit(exitOK)
			contents := readContainer(t, n.inventory())
			if is := contents.Tree["outside"]; is.Size != 3 {
				t.Errorf("outside is %+v", is)
			}
			want := inventory.Tree{}
			for path, e := range listTree(t, n.source) {
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
			n.mustLeaveContainer(func() { n.again("--update", "--delete", "--preserve-hardlinks").mustExit(exitOK) })
		})
	}
}

// Without --preserve-hardlinks each name in SOURCE is a file of its own; those that are the same
// are left alone.
func TestLinksOfTheContainerStayWhereTheirContentsAreTheSame(t *testing.T) {
	n := linkedInto(t)
	n.sourceFile("x", true)
	n.sourceFile("y", true)
	n.load("--update", "--delete").mustExit(exitOK)
	if group := readContainer(t, n.inventory()).Tree["outside"].Group; group != "inside/x" {
		t.Errorf("the first name of outside is %s", group)
	}
}

// loadsInto loads a source into a container that is there, with the STATE of an earlier load of
// it, and wants the container to be the source then.
func loadsInto(t *testing.T, tr transfer) {
	t.Helper()
	clfsload(t, tr.resume("--into", "/", "--update", "--delete", "--preserve-hardlinks")...).mustExit(exitOK)
	mustHold(t, listTree(t, tr.source), lived(directoryBlobs(t, tr.blobs)), asCopied)
	clfsload(t, "verify", "dir:"+tr.blobs).mustExit(exitOK)
}

// A file that has lost one of its names is uploaded with the others.
func TestALoadTakesAwayOneOfTheNamesOfAFile(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"removed":  os.Remove,
		"replaced": func(path string) error { return os.Rename(filepath.Join(filepath.Dir(path), "other"), path) },
	} {
		t.Run(name, func(t *testing.T) {
			source := t.TempDir()
			writeFile(t, filepath.Join(source, "first"), "text")
			writeFile(t, filepath.Join(source, "other"), "another text")
			must(t, os.Link(filepath.Join(source, "first"), filepath.Join(source, "second")))
			tr := newTransfer(t, source)
			clfsload(t, tr.begin("--preserve-hardlinks")...).mustExit(exitOK)
			must(t, change(filepath.Join(source, "second")))
			loadsInto(t, tr)
		})
	}
}

// The file that the first name of SOURCE was a link to is no longer in the container when its
// second name is found.
func TestALinkToAFileThatWasReplacedSinceIsANewFile(t *testing.T) {
	u := newUnreadable(t, 0, 0)
	tree := filepath.Join(u.directory, "tree")
	mustMkdir(t, tree)
	writeFile(t, filepath.Join(u.source, "x"), "one")
	runTool(t, "cp", "-a", filepath.Join(u.source, "x"), tree)
	clfsload(t, "load", "--new", filepath.Join(u.directory, "base"), tree, "dir:"+u.blobs).mustExit(exitOK)
	runTool(t, "chmod", "-R", "a+rwX", u.blobs)
	closed := filepath.Join(u.source, "closed")
	mustMkdir(t, closed)
	must(t, os.Link(filepath.Join(u.source, "x"), filepath.Join(closed, "z")))
	u.closed = []string{closed}
	u.chmod(t, 0)
	flags := []string{"--into", "/", "--preserve-hardlinks", "--update"}
	u.load(t, "dir:"+u.blobs, append(flags, "--new")...).wait().mustExit(exitIncomplete).mustSay("closed")
	must(t, os.Remove(filepath.Join(u.source, "x")))
	writeFile(t, filepath.Join(u.source, "x"), "another one")
	u.chmod(t, 0o755)
	u.load(t, "dir:"+u.blobs, append(flags, "--delete")...).wait().mustExit(exitOK)
	contents := readContainer(t, lived(directoryBlobs(t, u.blobs)))
	reportLines(t, "the container differs", inventory.Compare(listTree(t, u.source), contents.Tree, inventory.Scope{HardLinks: true}))
}

// A directory that became something else is forgotten with all that a run has found below. The file
// that was there before keeps its other names.
func TestForgettingADirectoryTakesOnlyThatNameOfALinkedFile(t *testing.T) {
	n := linkedInto(t)
	n.sourceFile("x", true)
	writeFile(t, filepath.Join(n.source, "y"), "something else")
	mustMkdir(t, filepath.Join(n.source, "new"))
	n.sourceLink("x", "new/z")
	n.load("--preserve-hardlinks").mustExit(exitIncomplete)
	must(t, os.RemoveAll(filepath.Join(n.source, "new")))
	writeFile(t, filepath.Join(n.source, "new"), "a file")
	n.again("--preserve-hardlinks", "--update").mustExit(exitIncomplete).mustSay("new")
	n.again("--preserve-hardlinks", "--update").mustExit(exitOK)
	tree := readContainer(t, n.inventory()).Tree
	if tree["outside"].Size != 3 || tree["inside/x"].Group != tree["outside"].Group || tree["inside/new"].Size != 6 {
		t.Errorf("the container has %v", tree)
	}
	n.verify()
}
