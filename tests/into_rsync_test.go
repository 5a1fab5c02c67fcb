package tests

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"clfsload/clfs"
	"clfsload/tests/inventory"
)

func TestAnUpdatingLoadDecidesAsRsyncDoes(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags []string
	}{
		{"times", nil}, {"checksum", []string{"--checksum"}}, {"size only", []string{"--size-only"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inRounds(t, 3, func(t *testing.T, random *rand.Rand) {
				n := newVariety(t, random, oddNames)
				n.load(append(c.flags, "--update", "--delete")...).mustExit(exitOK)
				n.rsync(append(c.flags, "--delete")...)
				n.mustBeAsCopied(inventory.Scope{})
				n.verify()
			})
		})
	}
}

// What was exported is the source, where all of it differs in something that rsync looks at.
func TestWhatIsExportedOfAnUpdatedDirectoryIsItsSource(t *testing.T) {
	inRounds(t, 2, func(t *testing.T, random *rand.Rand) {
		n := newVariety(t, random, oddNames)
		n.load("--update", "--delete", "--checksum").mustExit(exitOK)
		out := filepath.Join(t.TempDir(), "out")
		clfsload(t, "export", "dir:"+n.blobs, n.path, out).mustExit(exitOK)
		reportLines(t, "the export differs from the source", inventory.Compare(listTree(t, n.source), listTree(t, out), inventory.Scope{}))
	})
}

// The attributes of directories are left as they are, because no inode is read. Rsync deletes
// nothing if a directory is to be where something else is, and gives that its times. If a symbolic
// link is there, it would write through it.
func TestALoadThatIgnoresWhatExistsAddsWhatRsyncAdds(t *testing.T) {
	inRounds(t, 2, func(t *testing.T, random *rand.Rand) {
		n := (&variety{t: t, random: random, names: oddNames, dangling: true}).into()
		n.load("--update", "--ignore-existing").mustExit(exitOK)
		_, _ = rsync("-a", exactTimes, "--mkpath", "--ignore-existing", n.source+"/", n.destination()+"/")
		contents, want := readContainer(t, n.inventory()), listTree(t, n.copied)
		for path, e := range want {
			below, err := filepath.Rel(n.destination(), filepath.Join(n.copied, path))
			must(t, err)
			is := contents.Tree[path]
			if is.Type == clfs.TypeDirectory || isDirectoryAt(filepath.Join(n.source, below)) {
				e.Mode, e.UID, e.GID, e.Mtime = is.Mode, is.UID, is.GID, is.Mtime
				want[path] = e
			}
		}
		reportLines(t, "the container differs from what rsync makes", inventory.Compare(want, contents.Tree, inventory.Scope{}))
		n.verify()
	})
}

// What is a directory with entries in the container alone stays, and is a failure.
func TestWithoutDeleteAnUpdateKeepsWhatRsyncKeeps(t *testing.T) {
	inRounds(t, 2, func(t *testing.T, random *rand.Rand) {
		n := newVariety(t, random, oddNames)
		res := n.load("--update", "--publish-incomplete", "--max-errors", "0")
		_, err := rsync("-a", exactTimes, "--mkpath", n.source+"/", n.destination()+"/")
		if inTheWay := err != nil; inTheWay != (res.code == exitIncomplete) {
			t.Errorf("exit code %d, rsync: %v", res.code, err)
		}
		n.mustBeAsCopied(inventory.Scope{})
		n.verify()
	})
}

// The filters read the same for rsync. If something that they leave out is in the way of an entry,
// that is a failure, and nothing is deleted.
func TestDeletionSparesWhatAFilterLeavesOut(t *testing.T) {
	inRounds(t, 4, func(t *testing.T, random *rand.Rand) {
		n := newVariety(t, random, plainNames)
		filters := []string{"--exclude", "a", "--exclude", "/b", "--exclude", "c/"}
		was := inventory.Tree{}
		if isDirectoryAt(n.destination()) {
			was = listTree(t, n.destination())
		}
		res := n.load(append(filters, "--update", "--delete", "--publish-incomplete", "--max-errors", "0")...)
		_, err := rsync(append(filters, "-a", exactTimes, "--mkpath", "--delete", n.source+"/", n.destination()+"/")...)
		if inTheWay := err != nil; inTheWay != (res.code == exitIncomplete) {
			t.Errorf("exit code %d, rsync: %v\n%s", res.code, err, clip(res.stderr))
		}
		if err == nil {
			n.mustBeAsCopied(inventory.Scope{})
		}
		n.verify()
		n.mustHaveAll(was, func(path string) bool { return filepath.Base(path) == "a" || path == "b" })
	})
}

// A pattern for directories may leave out what one of SOURCE and the container has, and not what the
// other has under the same name.
func TestDeletionFollowsTheFilterWhereTypesDiffer(t *testing.T) {
	requireRoot(t)
	for _, pattern := range []string{"c/", "c"} {
		directory := t.TempDir()
		tree, source := filepath.Join(directory, "tree"), filepath.Join(directory, "source")
		eachChangeOfType(t, tree, source, "c")
		n := newInto(t, tree, source, "/")
		n.load("--update", "--delete", "--exclude", pattern).mustExit(exitOK)
		n.rsync("--delete", "--exclude", pattern)
		n.mustBeAsCopied(inventory.Scope{})
		n.verify()
	}
}

// eachChangeOfType makes two trees of directories in which name is, or is not, something in one and
// something else in the other.
func eachChangeOfType(t *testing.T, before, after, name string) {
	t.Helper()
	types := map[string]func(path string){
		"none":      func(string) {},
		"file":      func(path string) { writeFile(t, path, path) },
		"directory": func(path string) { mustMkdir(t, path) },
		"symlink":   func(path string) { must(t, os.Symlink("target", path)) },
	}
	for was, makeOld := range types {
		for is, makeNew := range types {
			for root, makeEntry := range map[string]func(string){before: makeOld, after: makeNew} {
				place := filepath.Join(root, was+" to "+is)
				must(t, os.MkdirAll(place, 0o755))
				makeEntry(filepath.Join(place, name))
			}
		}
	}
}

func TestHardLinksBecomeWhatRsyncMakesOfThem(t *testing.T) {
	inRounds(t, 4, func(t *testing.T, random *rand.Rand) {
		n := (&variety{t: t, random: random, names: plainNames, links: true}).into()
		n.load("--update", "--delete", "--checksum", "--preserve-hardlinks").mustExit(exitOK)
		n.rsync("-H", "--delete", "--checksum")
		n.mustBeAsCopied(inventory.Scope{HardLinks: true})
		n.verify()
	})
}
