package writable

import (
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/state"
)

// linger lets the time pass after which a file that was flushed and not released
// counts as open.
func (k *kernel) linger() {
	k.fs.files.ReopenLingering(0)
}

func TestAFileThatAForkedWriterKeepsIsIncompleteAfterACrash(t *testing.T) {
	k := newKernel(t)
	f := k.create(rootNode, "f")
	k.ok("write", f.write([]byte("one"), 0))
	k.ok("flush", f.flush()) // a child has closed its copy
	if n := k.node(f.node); n.Flags&state.Opened != 0 {
		t.Fatal("a close was not taken for one")
	}
	if err := k.fs.settle(t.Context(), 0); err != nil || k.node(f.node).State != state.Dirty {
		t.Fatalf("settled while it is open (%v)", err)
	}
	k.linger()
	if n := k.node(f.node); n.Flags&state.Opened == 0 {
		t.Fatal("the journal does not know that it is open still")
	}
	k.crash()
	if got := Progress(k.node(f.node), 0); got != "incomplete" {
		t.Error(got)
	}
}

// endsAndBegins ends the file system and begins it again.
func (k *kernel) endsAndBegins() {
	k.t.Helper()
	if err := k.fs.Close(); err != nil {
		k.t.Fatal(err)
	}
	k.crash() // what is left to do is the same
}

func TestAWriterThatTheEndCutsOffLeavesAnIncompleteFile(t *testing.T) {
	k := newKernel(t)
	whole := k.create(rootNode, "whole")
	k.ok("write", whole.write([]byte("all of it"), 0))
	k.ok("flush", whole.flush()) // closed, and the release is on its way
	half := k.create(rootNode, "half")
	k.ok("write", half.write([]byte("some"), 0))
	other := k.open(half.node, syscall.O_RDWR)
	k.ok("flush", other.flush())
	gone := k.create(rootNode, "gone")
	k.ok("write", gone.write([]byte("none"), 0))
	k.ok("unlink", k.unlink(rootNode, "gone"))
	k.endsAndBegins()
	if got := Progress(k.node(half.node), 0); got != "incomplete" || k.node(half.node).Attr.Size != 4 {
		t.Errorf("%s, %d bytes", got, k.node(half.node).Attr.Size)
	}
	if n := k.node(whole.node); n.Flags&(state.Opened|state.Incomplete) != 0 || n.Attr.Size != 9 {
		t.Errorf("the one that was closed: flags %b, %d bytes", n.Flags, n.Attr.Size)
	}
	if k.staged(gone.node) {
		t.Error("what was removed has its contents still")
	}
}

func TestTheLastWriterEndsWhatWasTakenForOpen(t *testing.T) {
	k := newKernel(t)
	f := k.create(rootNode, "f")
	k.ok("write", f.write([]byte("two"), 0))
	k.ok("flush", f.flush())
	k.linger()
	f.close()
	if n := k.node(f.node); n.Flags&state.Opened != 0 || n.Attr.Size != 3 {
		t.Errorf("after the release: flags %b, %d bytes", n.Flags, n.Attr.Size)
	}
}

// Every program that the owner of a descriptor starts closes a copy of it.
func TestAFileWhoseDescriptorIsCopiedAgainAndAgainIsOpenUntilItIsReleased(t *testing.T) {
	k := newKernel(t)
	f := k.create(rootNode, "f")
	k.ok("write", f.write([]byte("two"), 0))
	k.ok("flush", f.flush())
	k.linger()
	k.ok("flush", f.flush())
	if n := k.node(f.node); n.Flags&state.Opened == 0 {
		t.Fatal("the close of another copy was taken for the last one")
	}
	f.close()
	if n := k.node(f.node); n.Flags&state.Opened != 0 {
		t.Error("it is open after its release")
	}
	again := k.open(f.node, syscall.O_WRONLY)
	k.ok("write", again.write([]byte("new"), 0))
	k.ok("flush", again.flush())
	if n := k.node(f.node); n.Flags&state.Opened != 0 {
		t.Error("the close of another writer was not taken for one")
	}
	again.release()
}

func TestTimesNeverGoBackAtAClose(t *testing.T) {
	k := newKernel(t)
	f := k.create(rootNode, "f")
	k.ok("write", f.write([]byte("one"), 0))
	k.ok("rename", k.fs.Rename(nil, &fuse.RenameIn{InHeader: header(rootNode), Newdir: rootNode}, "f", "g"))
	before := k.attr(f.node)
	f.close()
	if after := k.attr(f.node); after != before {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestTheLastOfTwoClosesEndsTheWritingAlthoughNoneIsReleased(t *testing.T) {
	k := newKernel(t)
	a := k.create(rootNode, "f")
	b := k.open(a.node, syscall.O_WRONLY)
	k.ok("write", a.write([]byte("aa"), 0))
	k.ok("write", b.write([]byte("bb"), 2))
	k.ok("flush", a.flush())
	if k.node(a.node).Flags&state.Opened == 0 {
		t.Error("ended while another handle may write")
	}
	k.ok("flush", b.flush())
	if n := k.node(a.node); n.Flags&state.Opened != 0 || n.Attr.Size != 4 {
		t.Errorf("flags %b, %d bytes", n.Flags, n.Attr.Size)
	}
	a.release()
	b.release()
}
