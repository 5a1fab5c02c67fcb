package writable

import (
	"fmt"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/state"
)

func TestANameIsFoundHoweverItCame(t *testing.T) {
	k := newKernel(t)
	dir, other := k.mkdir(rootNode, "d"), k.mkdir(rootNode, "e")
	f := k.create(dir, "created")
	f.close()
	k.ok("link", k.fs.Link(nil, &fuse.LinkIn{InHeader: header(other), Oldnodeid: f.node}, "linked", &fuse.EntryOut{}))
	k.create(dir, "moving").close()
	k.ok("rename", k.fs.Rename(nil, &fuse.RenameIn{InHeader: header(dir), Newdir: other}, "moving", "moved"))
	k.mkdir(other, "made")
	for _, c := range []struct {
		dir   uint64
		name  string
		found bool
	}{{dir, "created", true}, {other, "linked", true}, {other, "moved", true}, {other, "made", true},
		{dir, "moving", false}, {dir, "linked", false}} {
		if _, status := k.lookup(c.dir, c.name); (status == fuse.OK) != c.found {
			t.Errorf("%s: %v", c.name, status)
		}
	}
}

func TestRememberedNamesAreBounded(t *testing.T) {
	n := newNames()
	for dir := range state.Ino(2 * dirsFollowed) {
		n.follow(dir)
	}
	if len(n.dirs) > dirsFollowed {
		t.Errorf("%d directories", len(n.dirs))
	}
	n.follow(1)
	for i := range namesFollowed + 10 {
		n.add(1, fmt.Append(nil, i))
	}
	if n.total > namesFollowed {
		t.Errorf("%d names", n.total)
	}
	if n.missing(1, []byte("5")) {
		t.Error("a name that is there is missing")
	}
}
