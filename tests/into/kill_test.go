package into

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// served puts the container of n into a service, which counts and can be made to kill.
func (n *into) served() *remote.Metered {
	n.t.Helper()
	c := remote.NewMetered(n.t)
	for name, data := range harness.ContentsOf(n.t, n.blobs) {
		c.Seed("container", name, data)
	}
	return c
}

func TestALoadIntoAContainerThatIsKilledEndsAsIfItHadNotBeen(t *testing.T) {
	inRounds(t, 3, func(t *testing.T, random *rand.Rand) {
		n := (&variety{t: t, random: random, names: plainNames, links: true}).into()
		c := n.served()
		moments := make([]int, 6)
		for i := range moments {
			moments[i] = c.Seen() + (i+1)*random.IntN(12)
		}
		flags := []string{"--update", "--delete", "--checksum", "--preserve-hardlinks"}
		for _, blobs := range moments {
			n.begin(c, remote.Moment{Blobs: blobs, Stored: random.IntN(2) == 0}, flags).Wait()
			trees.Readable(t, trees.Lived(c.Inventory()))
		}
		n.begin(c, remote.Moment{Blobs: 1 << 30}, flags).Wait().MustExit(harness.ExitOK)
		n.rsync("-H", "--delete", "--checksum")
		contents := trees.ReadContainer(t, trees.Lived(c.Inventory()))
		trees.ReportLines(t, "the container differs", inventory.Compare(n.wanted(contents), contents.Tree, inventory.Scope{HardLinks: true}))
		harness.Clfsload(t, "verify", c.URL).MustExit(harness.ExitOK)
	})
}

// A file that replaces another one and is gone when it is to be uploaded leaves the other one where
// it was.
func TestAFileThatIsGoneBeforeItReplacesAnotherLeavesThatOne(t *testing.T) {
	for _, comesBack := range []bool{false, true} {
		t.Run(fmt.Sprint("comes back: ", comesBack), func(t *testing.T) {
			tree, source := t.TempDir(), t.TempDir()
			harness.WriteFile(t, filepath.Join(tree, "file"), "old")
			harness.WriteFile(t, filepath.Join(tree, "other"), "old")
			for i := range 30 {
				harness.WriteFile(t, filepath.Join(source, fmt.Sprint("new-", i)), "new")
			}
			harness.WriteFile(t, filepath.Join(source, "file"), "the new one")
			n := newInto(t, tree, source, "/")
			c := n.served()
			arguments := []string{"load", "--into", "/", n.state, source, c.URL, "--update"}
			k := harness.Command(t, append(arguments, "--new", "--concurrency", "1")).Start()
			c.HoldBack(func(name string) bool { return trees.ExceptBucket(name) && !strings.HasPrefix(name, trees.RootPrefix) })
			for !trees.IsListed(t, n.state) && !k.Ended() {
			}
			k.Kill()
			if res := k.Wait(); res.Code != -1 {
				t.Fatalf("it has ended: %s", res.Stderr)
			}
			c.HoldBack(nil)
			harness.Must(t, os.Remove(filepath.Join(source, "file")))
			harness.Clfsload(t, arguments...).MustExit(harness.ExitIncomplete).MustSay("file")
			if is := trees.Readable(t, trees.Lived(c.Inventory()))["file"]; is.Size != 3 {
				t.Errorf("the file is %+v", is)
			}
			if comesBack {
				harness.WriteFile(t, filepath.Join(source, "file"), "the new one")
			}
			harness.Clfsload(t, arguments...).MustExit(harness.ExitOK) // SOURCE is listed again
			contents := trees.ReadContainer(t, trees.Lived(c.Inventory()))
			if is := contents.Tree["file"]; is.Size != uint64(map[bool]int{false: 3, true: 11}[comesBack]) {
				t.Errorf("the file is %+v", is)
			}
			if len(contents.Tree) != 33 {
				t.Errorf("there are %d entries", len(contents.Tree))
			}
			harness.Clfsload(t, "verify", c.URL).MustExit(harness.ExitOK)
		})
	}
}

// What SOURCE has when the last run reads it is what counts.
func TestASourceThatChangesBetweenRunsIsLoadedAsItIsThen(t *testing.T) {
	inRounds(t, 3, func(t *testing.T, random *rand.Rand) {
		v := &variety{t: t, random: random, names: plainNames, links: true}
		n := v.into()
		flags := []string{"--update", "--delete", "--checksum", "--preserve-hardlinks"}
		n.load(flags...).MustExit(harness.ExitOK)
		for range 2 {
			harness.Must(t, os.RemoveAll(n.source))
			v.tree(n.source)
			n.again(flags...).MustExit(harness.ExitOK)
			n.rsync("-H", "--delete", "--checksum")
			n.mustBeAsCopied(inventory.Scope{HardLinks: true})
			n.verify()
		}
	})
}

// An unreadable directory is not an empty one.
func TestNothingIsDeletedWhereTheScanHadFailures(t *testing.T) {
	u := trees.NewUnreadable(t, 5, 0)
	target := "dir:" + u.Blobs
	u.Load(t, target, "--new").Wait().MustExit(harness.ExitOK)
	harness.Must(t, os.Remove(filepath.Join(u.Source, "a", "b", "file-000")))
	harness.WriteFile(t, filepath.Join(u.Source, "a", "new"), "new")
	extra := filepath.Join(u.Source, "extra")
	harness.MustMkdir(t, extra)
	u.Closed = []string{extra}
	u.Chmod(t, 0o000)
	flags := []string{"--into", "/", "--update", "--delete"}
	u.Load(t, target, append(flags, "--publish-incomplete")...).Wait().MustExit(harness.ExitIncomplete).MustSay("extra", "nothing is removed")
	tree := trees.ReadContainer(t, trees.Lived(trees.DirectoryBlobs(t, u.Blobs))).Tree
	for _, path := range []string{"a/new", "a/b/file-000"} {
		if tree[path].Size == 0 {
			t.Errorf("there is no %s", path)
		}
	}
	u.Chmod(t, 0o755)
	u.Load(t, target, flags...).Wait().MustExit(harness.ExitOK)
	trees.ReportLines(t, "the container differs", inventory.Compare(trees.List(t, u.Source), trees.ReadContainer(t, trees.Lived(trees.DirectoryBlobs(t, u.Blobs))).Tree, inventory.Scope{}))
}

// What cannot be read does not take the place of what can.
func TestWhatIsUnreadableReplacesNothingOfAnotherType(t *testing.T) {
	for _, c := range []differing{
		{"a directory, a file", file("old"), directoryWith("new")}, {"a file, a directory", directoryWith("old"), file("new")},
		{"a directory, a symbolic link", symlink("old"), directoryWith("new")}, {"a file, a symbolic link", symlink("old"), file("new")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			u := trees.NewUnreadable(t, 1, 0)
			path := filepath.Join(u.Source, "same")
			harness.Must(t, c.there(path))
			target := "dir:" + u.Blobs
			u.Load(t, target, "--new").Wait().MustExit(harness.ExitOK)
			before := trees.ReadContainer(t, trees.DirectoryBlobs(t, u.Blobs)).Tree
			harness.Must(t, os.RemoveAll(path))
			harness.Must(t, c.comes(path))
			u.Closed = []string{path}
			u.Chmod(t, 0)
			flags := []string{"--into", "/", "--update", "--delete"}
			u.Load(t, target, append(flags, "--publish-incomplete")...).Wait().MustExit(harness.ExitIncomplete).MustSay("same: open: permission denied")
			after := trees.ReadContainer(t, trees.Lived(trees.DirectoryBlobs(t, u.Blobs))).Tree
			for _, name := range []string{"same", "same/old"} {
				if after[name] != before[name] {
					t.Errorf("%s was %+v, is %+v", name, before[name], after[name])
				}
			}
			u.Chmod(t, 0o755)
			u.Load(t, target, flags...).Wait().MustExit(harness.ExitOK)
			contents := trees.ReadContainer(t, trees.Lived(trees.DirectoryBlobs(t, u.Blobs)))
			trees.ReportLines(t, "the container differs", inventory.Compare(trees.List(t, u.Source), contents.Tree, inventory.Scope{}))
		})
	}
}

// What was listed is gone or another thing when the load goes on, again and again.
func TestASourceThatChangesWhileALoadIsKilledIsLoadedAsItIsAtLast(t *testing.T) {
	inRounds(t, 3, func(t *testing.T, random *rand.Rand) {
		v := &variety{t: t, random: random, names: plainNames, links: true}
		n := v.into()
		n.path = "/" // a name outside of PATH would show which attributes a file has had meanwhile
		c := n.served()
		flags := []string{"--update", "--delete", "--checksum", "--preserve-hardlinks", "--max-errors", "0"}
		for i := range 4 {
			n.begin(c, remote.Moment{Blobs: c.Seen() + random.IntN(30), Stored: random.IntN(2) == 0}, flags).Wait()
			if i < 3 {
				harness.Must(t, os.RemoveAll(n.source))
				v.tree(n.source)
			}
		}
		for range 3 {
			if n.begin(c, remote.Moment{Blobs: 1 << 30}, flags).Wait().Code == harness.ExitOK {
				break
			}
		}
		n.begin(c, remote.Moment{Blobs: 1 << 30}, flags).Wait().MustExit(harness.ExitOK)
		n.rsync("-H", "--delete", "--checksum")
		contents := trees.ReadContainer(t, trees.Lived(c.Inventory()))
		trees.ReportLines(t, "the container differs", inventory.Compare(n.wanted(contents), contents.Tree, inventory.Scope{HardLinks: true}))
		harness.Clfsload(t, "verify", c.URL).MustExit(harness.ExitOK)
	})
}

// begin begins the load, or goes on with it, and kills it at a moment.
func (n *into) begin(c *remote.Metered, m remote.Moment, flags []string) *harness.Run {
	n.t.Helper()
	arguments := append([]string{"load", "--into", n.path, n.state, n.source, c.URL}, flags...)
	if _, err := os.Stat(n.state); err != nil {
		arguments = append(arguments, "--new")
	}
	r := harness.Command(n.t, arguments).Start()
	m.Act = r.Kill
	c.Await(m)
	return r
}
