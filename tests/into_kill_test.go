package tests

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/tests/inventory"
)

// served puts the container of n into a service, which counts and can be made to kill.
func (n *into) served() *meteredContainer {
	n.t.Helper()
	c := newMeteredContainer(n.t)
	for name, data := range contentsOf(n.t, n.blobs) {
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
			moments[i] = c.seen() + (i+1)*random.IntN(12)
		}
		flags := []string{"--update", "--delete", "--checksum", "--preserve-hardlinks"}
		for _, blobs := range moments {
			n.begin(c, moment{blobs: blobs, stored: random.IntN(2) == 0}, flags).wait()
			readable(t, lived(c.inventory()))
		}
		n.begin(c, moment{blobs: 1 << 30}, flags).wait().mustExit(exitOK)
		n.rsync("-H", "--delete", "--checksum")
		contents := readContainer(t, lived(c.inventory()))
		reportLines(t, "the container differs", inventory.Compare(n.wanted(contents), contents.Tree, inventory.Scope{HardLinks: true}))
		clfsload(t, "verify", c.url).mustExit(exitOK)
	})
}

// A file that replaces another one and is gone when it is to be uploaded leaves the other one where
// it was.
func TestAFileThatIsGoneBeforeItReplacesAnotherLeavesThatOne(t *testing.T) {
	for _, comesBack := range []bool{false, true} {
		t.Run(fmt.Sprint("comes back: ", comesBack), func(t *testing.T) {
			tree, source := t.TempDir(), t.TempDir()
			writeFile(t, filepath.Join(tree, "file"), "old")
			writeFile(t, filepath.Join(tree, "other"), "old")
			for i := range 30 {
				writeFile(t, filepath.Join(source, fmt.Sprint("new-", i)), "new")
			}
			writeFile(t, filepath.Join(source, "file"), "the new one")
			n := newInto(t, tree, source, "/")
			c := n.served()
			arguments := []string{"load", "--into", "/", n.state, source, c.url, "--update"}
			k := command(t, append(arguments, "--new", "--concurrency", "1")).start()
			c.holdBack(func(name string) bool { return exceptBucket(name) && !strings.HasPrefix(name, rootPrefix) })
			for !isListed(t, n.state) && !k.ended() {
			}
			k.kill()
			if res := k.wait(); res.code != -1 {
				t.Fatalf("it has ended: %s", res.stderr)
			}
			c.holdBack(nil)
			must(t, os.Remove(filepath.Join(source, "file")))
			clfsload(t, arguments...).mustExit(exitIncomplete).mustSay("file")
			if is := readable(t, lived(c.inventory()))["file"]; is.Size != 3 {
				t.Errorf("the file is %+v", is)
			}
			if comesBack {
				writeFile(t, filepath.Join(source, "file"), "the new one")
			}
			clfsload(t, arguments...).mustExit(exitOK) // SOURCE is listed again
			contents := readContainer(t, lived(c.inventory()))
			if is := contents.Tree["file"]; is.Size != uint64(map[bool]int{false: 3, true: 11}[comesBack]) {
				t.Errorf("the file is %+v", is)
			}
			if len(contents.Tree) != 33 {
				t.Errorf("there are %d entries", len(contents.Tree))
			}
			clfsload(t, "verify", c.url).mustExit(exitOK)
		})
	}
}

// What SOURCE has when the last run reads it is what counts.
func TestASourceThatChangesBetweenRunsIsLoadedAsItIsThen(t *testing.T) {
	inRounds(t, 3, func(t *testing.T, random *rand.Rand) {
		v := &variety{t: t, random: random, names: plainNames, links: true}
		n := v.into()
		flags := []string{"--update", "--delete", "--checksum", "--preserve-hardlinks"}
		n.load(flags...).mustExit(exitOK)
		for range 2 {
			must(t, os.RemoveAll(n.source))
			v.tree(n.source)
			n.again(flags...).mustExit(exitOK)
			n.rsync("-H", "--delete", "--checksum")
			n.mustBeAsCopied(inventory.Scope{HardLinks: true})
			n.verify()
		}
	})
}

// An unreadable directory is not an empty one.
func TestNothingIsDeletedWhereTheScanHadFailures(t *testing.T) {
	u := newUnreadable(t, 5, 0)
	target := "dir:" + u.blobs
	u.load(t, target, "--new").wait().mustExit(exitOK)
	must(t, os.Remove(filepath.Join(u.source, "a", "b", "file-000")))
	writeFile(t, filepath.Join(u.source, "a", "new"), "new")
	extra := filepath.Join(u.source, "extra")
	mustMkdir(t, extra)
	u.closed = []string{extra}
	u.chmod(t, 0o000)
	flags := []string{"--into", "/", "--update", "--delete"}
	u.load(t, target, append(flags, "--publish-incomplete")...).wait().mustExit(exitIncomplete).mustSay("extra", "nothing is removed")
	tree := readContainer(t, lived(directoryBlobs(t, u.blobs))).Tree
	for _, path := range []string{"a/new", "a/b/file-000"} {
		if tree[path].Size == 0 {
			t.Errorf("there is no %s", path)
		}
	}
	u.chmod(t, 0o755)
	u.load(t, target, flags...).wait().mustExit(exitOK)
	reportLines(t, "the container differs", inventory.Compare(listTree(t, u.source), readContainer(t, lived(directoryBlobs(t, u.blobs))).Tree, inventory.Scope{}))
}

// What cannot be read does not take the place of what can.
func TestWhatIsUnreadableReplacesNothingOfAnotherType(t *testing.T) {
	for _, c := range []differing{
		{"a directory, a file", file("old"), directoryWith("new")}, {"a file, a directory", directoryWith("old"), file("new")},
		{"a directory, a symbolic link", symlink("old"), directoryWith("new")}, {"a file, a symbolic link", symlink("old"), file("new")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			u := newUnreadable(t, 1, 0)
			path := filepath.Join(u.source, "same")
			must(t, c.there(path))
			target := "dir:" + u.blobs
			u.load(t, target, "--new").wait().mustExit(exitOK)
			before := readContainer(t, directoryBlobs(t, u.blobs)).Tree
			must(t, os.RemoveAll(path))
			must(t, c.comes(path))
			u.closed = []string{path}
			u.chmod(t, 0)
			flags := []string{"--into", "/", "--update", "--delete"}
			u.load(t, target, append(flags, "--publish-incomplete")...).wait().mustExit(exitIncomplete).mustSay("same: open: permission denied")
			after := readContainer(t, lived(directoryBlobs(t, u.blobs))).Tree
			for _, name := range []string{"same", "same/old"} {
				if after[name] != before[name] {
					t.Errorf("%s was %+v, is %+v", name, before[name], after[name])
				}
			}
			u.chmod(t, 0o755)
			u.load(t, target, flags...).wait().mustExit(exitOK)
			contents := readContainer(t, lived(directoryBlobs(t, u.blobs)))
			reportLines(t, "the container differs", inventory.Compare(listTree(t, u.source), contents.Tree, inventory.Scope{}))
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
			n.begin(c, moment{blobs: c.seen() + random.IntN(30), stored: random.IntN(2) == 0}, flags).wait()
			if i < 3 {
				must(t, os.RemoveAll(n.source))
				v.tree(n.source)
			}
		}
		for range 3 {
			if n.begin(c, moment{blobs: 1 << 30}, flags).wait().code == exitOK {
				break
			}
		}
		n.begin(c, moment{blobs: 1 << 30}, flags).wait().mustExit(exitOK)
		n.rsync("-H", "--delete", "--checksum")
		contents := readContainer(t, lived(c.inventory()))
		reportLines(t, "the container differs", inventory.Compare(n.wanted(contents), contents.Tree, inventory.Scope{HardLinks: true}))
		clfsload(t, "verify", c.url).mustExit(exitOK)
	})
}

// begin begins the load, or goes on with it, and kills it at a moment.
func (n *into) begin(c *meteredContainer, m moment, flags []string) *run {
	n.t.Helper()
	arguments := append([]string{"load", "--into", n.path, n.state, n.source, c.url}, flags...)
	if _, err := os.Stat(n.state); err != nil {
		arguments = append(arguments, "--new")
	}
	r := command(n.t, arguments).start()
	m.act = r.kill
	c.await(m)
	return r
}
