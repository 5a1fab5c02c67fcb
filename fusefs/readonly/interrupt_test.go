package readonly

import (
	"os"
	"os/exec"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
)

// interrupted looks a file up for a thread that has got a signal.
func (k *kernel) interrupted(thread int) fuse.Status {
	cancel := make(chan struct{})
	close(cancel)
	var in fuse.InHeader
	in.NodeId, in.Pid = rootNode, uint32(thread)
	return k.raw.Lookup(cancel, &in, "f", &fuse.EntryOut{})
}

func TestOnlyACallerThatDiesIsInterrupted(t *testing.T) {
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	id := handleID(2001, clfs.TypeRegular)
	c := &fakeContainer{gate: make(chan struct{}), nodes: map[clfs.ID]*fakeNode{
		clfs.RootID: fakeDirectory(entry{"f", id}), id: fakeFile(nil)}}
	k := show(t, c)
	alive := make(chan fuse.Status)
	go func() { alive <- k.interrupted(os.Getpid()) }()
	if status := k.interrupted(dead.Process.Pid); status != fuse.EINTR {
		t.Errorf("a caller that is gone: %v", status)
	}
	close(c.gate)
	if status := <-alive; status != fuse.OK {
		t.Errorf("a caller that got some signal: %v", status)
	}
}
