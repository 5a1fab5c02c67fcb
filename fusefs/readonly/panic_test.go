package readonly

import (
	"context"
	"strings"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
)

// panicking is a container with an inode whose reading panics.
type panicking struct {
	*fakeContainer
	bad clfs.ID
}

func (p panicking) Node(ctx context.Context, id clfs.ID) (Node, error) {
	if id == p.bad {
		panic("nobody has thought of this inode")
	}
	return p.fakeContainer.Node(ctx, id)
}

func TestAReadThatPanicsFailsAloneAndIsLogged(t *testing.T) {
	good, bad := handleID(2001, clfs.TypeRegular), handleID(2002, clfs.TypeRegular)
	c := &fakeContainer{nodes: map[clfs.ID]*fakeNode{
		clfs.RootID: fakeDirectory(entry{"good", good}, entry{"bad", bad}), good: fakeFile(nil)}}
	k := show(t, c)
	k.fs.container = panicking{c, bad}
	if _, status := k.lookup(rootNode, "bad"); status != fuse.EIO {
		t.Errorf("the lookup that panics: %v", status)
	}
	if _, status := k.lookup(rootNode, "good"); status != fuse.OK {
		t.Errorf("another lookup: %v", status)
	}
	if log := k.log.String(); !strings.Contains(log, "nobody has thought of this inode") || !strings.Contains(log, "panic_test.go") {
		t.Errorf("the log has %q", log)
	}
}
