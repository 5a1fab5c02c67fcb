package into

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/trees"
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
				n.load(append(c.flags, "--update", "--delete")...).MustExit(harness.ExitOK)
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
		n.load("--update", "--delete", "--checksum").MustExit(harness.ExitOK)
		out := filepath.Join(t.TempDir(), "out")
		harness.Clfsload(t, "export", "dir:"+n.blobs, n.path, out).MustExit(harness.ExitOK)
		trees.ReportLines(t, "the export differs from the source", inventory.Compare(trees.List(t, n.source), trees.List(t, out), inventory.Scope{}))
	})
}

// The attributes of directories are left as they are, because no inode is read. Rsync deletes
// nothing if a directory is to be where something else is, and gives that its times. If a symbolic
// link is there, it would write through it.
func TestALoadThatIgnoresWhatExistsAddsWhatRsyncAdds(t *testing.T) {
	inRounds(t, 2, func(t *testing.T, random *rand.Rand) {
		n := (&variety{t: t, random: random, names: oddNames, dangling: true}).into()
		n.load("--update", "--ignore-existing").MustExit(harness.ExitOK)
		_, _ = harness.Rsync("-a", harness.ExactTimes, "--mkpath", "--ignore-existing", n.source+"/", n.destination()+"/")
		contents, want := trees.ReadContainer(t, n.inventory()), trees.List(t, n.copied)
		for path, e := range want {
			below, err := filepath.Rel(n.destination(), filepath.Join(n.copied, path))
			harness.Must(t, err)
			is := contents.Tree[path]
			if is.Type == clfs.TypeDirectory || isDirectoryAt(filepath.Join(n.source, below)) {
				e.Mode, e.UID, e.GID, e.Mtime = is.Mode, is.UID, is.GID, is.Mtime
				want[path] = e
			}
		}
		trees.ReportLines(t, "the container differs from what rsync makes", inventory.Compare(want, contents.Tree, inventory.Scope{}))
		n.verify()
	})
}

// What is a directory with entries in the container alone stays, and is a failure.
func TestWithoutDeleteAnUpdateKeepsWhatRsyncKeeps(t *testing.T) {
	inRounds(t, 2, func(t *testing.T, random *rand.Rand) {
		n := newVariety(t, random, oddNames)
		res := n.load("--update", "--publish-incomplete", "--max-errors", "0")
		_, err := harness.Rsync("-a", harness.ExactTimes, "--mkpath", n.source+"/", n.destination()+"/")
		if inTheWay := err != nil; inTheWay != (res.Code == harness.ExitIncomplete) {
			t.Errorf("exit code %d, rsync: %v", res.Code, err)
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
			was = trees.List(t, n.destination())
		}
		res := n.load(append(filters, "--update", "--delete", "--publish-incomplete", "--max-errors", "0")...)
		_, err := harness.Rsync(append(filters, "-a", harness.ExactTimes, "--mkpath", "--delete", n.source+"/", n.destination()+"/")...)
		if inTheWay := err != nil; inTheWay != (res.Code == harness.ExitIncomplete) {
			t.Errorf("exit code %d, rsync: %v\n%s", res.Code, err, harness.Clip(res.Stderr))
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
	harness.RequireRoot(t)
	for _, pattern := range []string{"c/", "c"} {
		directory := t.TempDir()
		tree, source := filepath.Join(directory, "tree"), filepath.Join(directory, "source")
		eachChangeOfType(t, tree, source, "c")
		n := newInto(t, tree, source, "/")
		n.load("--update", "--delete", "--exclude", pattern).MustExit(harness.ExitOK)
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
		"file":      func(path string) { harness.WriteFile(t, path, path) },
		"directory": func(path string) { harness.MustMkdir(t, path) },
		"symlink":   func(path string) { harness.Must(t, os.Symlink("target", path)) },
	}
	for was, makeOld := range types {
		for is, makeNew := range types {
			for root, makeEntry := range map[string]func(string){before: makeOld, after: makeNew} {
				place := filepath.Join(root, was+" to "+is)
				harness.Must(t, os.MkdirAll(place, 0o755))
				makeEntry(filepath.Join(place, name))
			}
		}
	}
}

func TestHardLinksBecomeWhatRsyncMakesOfThem(t *testing.T) {
	inRounds(t, 4, func(t *testing.T, random *rand.Rand) {
		n := (&variety{t: t, random: random, names: plainNames, links: true}).into()
		n.load("--update", "--delete", "--checksum", "--preserve-hardlinks").MustExit(harness.ExitOK)
		n.rsync("-H", "--delete", "--checksum")
		n.mustBeAsCopied(inventory.Scope{HardLinks: true})
		n.verify()
	})
}
