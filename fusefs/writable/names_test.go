package writable

import (
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
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
