package writable

import (
	"bytes"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/state"
)

const mega = 1 << 20

// limited is a kernel whose staging takes 16 MiB, with the evictor at work.
func limited(t *testing.T) *kernel {
	k := newKernelWith(t, func(o *Options) { o.StagingLimit = 16 * mega })
	k.fs.work(k.fs.evicting)
	return k
}

// upload settles and uploads what is closed.
func (k *kernel) upload() {
	k.t.Helper()
	if err := k.fs.settle(k.t.Context(), 0); err != nil {
		k.t.Fatal(err)
	}
	if err := k.engine.upload(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
}

func TestUploadedFilesMakeRoomAndAreReadBack(t *testing.T) {
	k := limited(t)
	var nodes []uint64
	contents := func(i int) []byte { return bytes.Repeat([]byte{byte(i), 1, 2, 3}, mega/4) }
	for i := range 40 {
		f := k.create(rootNode, fmt.Sprint(i))
		k.ok("write", f.write(contents(i), 0))
		f.close()
		k.upload()
		nodes = append(nodes, f.node)
	}
	if used, _ := k.fs.staging.Usage(); used > 16*mega {
		t.Errorf("staging takes %d bytes", used)
	}
	for i, node := range nodes {
		got, status := k.open(node, syscall.O_RDONLY).read(0, mega)
		if k.ok("read", status); !bytes.Equal(got, contents(i)) {
			t.Errorf("file %d differs", i)
		}
	}
	if k.staged(nodes[0]) {
		t.Error("the oldest file was not evicted")
	}
	// Changing a part of an evicted file keeps the rest.
	f := k.open(nodes[0], syscall.O_RDWR)
	k.ok("write", f.write([]byte("changed"), 1000))
	want := contents(0)
	copy(want[1000:], "changed")
	got, status := f.read(0, mega)
	if k.ok("read", status); !bytes.Equal(got, want) {
		t.Error("the file that was changed differs")
	}
	f.close()
}

func TestRewrittenFilesMakeRoomWithoutAPublication(t *testing.T) {
	k := limited(t)
	contents := func(i, round int) []byte { return bytes.Repeat([]byte{byte(i), byte(round), 1, 2}, mega/4) }
	var nodes []uint64
	for i := range 24 {
		f := k.create(rootNode, fmt.Sprint(i))
		k.ok("write", f.write(contents(i, 0), 0))
		f.close()
		k.upload()
		nodes = append(nodes, f.node)
	}
	if err := k.engine.publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, node := range nodes {
		f := k.open(node, syscall.O_RDWR)
		k.ok("write", f.write(contents(i, 1), 0))
		f.close()
		k.upload()
	}
	if waiting := k.fs.journal.Counts().Sealed; waiting != 24 {
		t.Errorf("%d files wait for a publication", waiting)
	}
	for i, node := range nodes {
		f := k.open(node, syscall.O_RDONLY)
		got, status := f.read(0, mega)
		if k.ok("read", status); !bytes.Equal(got, contents(i, 1)) {
			t.Errorf("file %d differs", i)
		}
		f.release()
	}
	if k.staged(nodes[0]) {
		t.Error("the oldest file was not evicted")
	}
}

func TestWhatIsUploadedCountsAsFree(t *testing.T) {
	k := newKernelWith(t, func(o *Options) { o.StagingLimit = 16 * mega })
	free := func() int {
		var out fuse.StatfsOut
		k.ok("statfs", k.fs.StatFs(nil, &fuse.InHeader{}, &out))
		return int(out.Bavail) * statBlock
	}
	f := k.create(rootNode, "f")
	for range 2 { // before it is published, and after that
		k.ok("write", f.write(make([]byte, mega), 0))
		f.close()
		if free() > 15*mega {
			t.Errorf("%d bytes are free", free())
		}
		k.upload()
		if free() != 16*mega {
			t.Errorf("%d bytes are free when all is uploaded", free())
		}
		if err := k.engine.publish(t.Context()); err != nil {
			t.Fatal(err)
		}
		f = k.open(f.node, syscall.O_RDWR)
	}
	f.close()
}

func TestWithNothingToEvictTheDiskIsFull(t *testing.T) {
	k := limited(t)
	f := k.create(rootNode, "f")
	var status fuse.Status
	const last = 63
	written := 0
	for ; status == fuse.OK && written < last; written++ {
		status = f.write(make([]byte, mega), int64(last-written)*mega) // not in order: it does not go up
	}
	if status != fuse.Status(syscall.ENOSPC) || written < 10 {
		t.Errorf("%v after %d MiB", status, written)
	}
	k.ok("truncate", k.truncate(f.node, 0))
	k.ok("write", f.write(make([]byte, mega), 0))
	f.close()
}

func TestAFileLargerThanStagingIsWrittenWhileItsBlocksGoUp(t *testing.T) {
	k := limited(t)
	var engine sync.WaitGroup
	done := make(chan struct{})
	end := sync.OnceFunc(func() {
		close(done)
		engine.Wait()
	})
	defer end()
	engine.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				if err := k.engine.early(k.fs.ctx); err != nil {
					t.Error(err)
				}
			}
		}
	})
	f := k.create(rootNode, "f")
	const size = 50
	for i := range size {
		k.ok("write", f.write(bytes.Repeat([]byte{byte(i), 9}, mega/2), int64(i)*mega))
	}
	for i := range size {
		got, status := f.read(int64(i)*mega, mega)
		if k.ok("read", status); !bytes.Equal(got, bytes.Repeat([]byte{byte(i), 9}, mega/2)) {
			t.Errorf("MiB %d differs", i)
		}
	}
	end()
	f.close()
}

func TestABlockIsNotEvictedWhoseFileWasChanged(t *testing.T) {
	k := newKernel(t)
	f := k.create(rootNode, "f")
	for i := range 9 {
		k.ok("write", f.write(make([]byte, mega), int64(i)*mega))
	}
	if err := k.engine.early(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.ok("write", f.write([]byte("new"), mega))
	if n, err := k.fs.evictor.EvictBlocks(t.Context()); n != 0 || err != nil {
		t.Errorf("%d blocks evicted, %v", n, err)
	}
	rows, err := k.fs.journal.BlocksOf(t.Context(), state.Ino(f.node))
	if err != nil || len(rows) == 0 {
		t.Fatalf("%v, %v", rows, err)
	}
	got, status := f.read(mega, 3)
	if k.ok("read", status); string(got) != "new" {
		t.Errorf("%q", got)
	}
	f.close()
}

// Until its file is uploaded whole, a block is put again under the name that it has.
func TestABlockThatWasReadBackAndRewrittenIsReadBackAsItIs(t *testing.T) {
	k := newKernel(t)
	f := k.openUploaded()
	if n, err := k.fs.evictor.EvictBlocks(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d blocks evicted, %v", n, err)
	}
	if got, status := f.read(4*mega, 4); status != fuse.OK || string(got) != "old " {
		t.Fatalf("%q, %v", got, status)
	}
	k.ok("write", f.write([]byte("new "), 4*mega))
	f.close()
	k.upload()
	if n, err := k.fs.evictor.EvictFiles(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d files evicted, %v", n, err)
	}
	f = k.open(f.node, syscall.O_RDONLY)
	if got, status := f.read(4*mega, 8); status != fuse.OK || string(got) != "new old " {
		t.Errorf("%q, %v", got, status)
	}
	f.release()
}

// The process may die when it is noted that a file is evicted, and before that is done.
func TestAStagingFileThatACrashHasLeftIsGivenUp(t *testing.T) {
	k := newKernel(t)
	f := k.create(rootNode, "f")
	k.ok("write", f.write([]byte("contents"), 0))
	f.close()
	k.upload()
	n := k.node(f.node)
	if gone, err := k.fs.journal.Evict(t.Context(), []state.Settled{{Ino: n.Ino, Seq: n.Seq}}); len(gone) != 1 || err != nil {
		t.Fatal(gone, err)
	}
	k.crash()
	if n, err := k.fs.evictor.EvictFiles(t.Context()); n != 1 || err != nil || k.staged(f.node) {
		t.Errorf("%d files evicted, %v", n, err)
	}
	if n, err := k.fs.evictor.EvictFiles(t.Context()); n != 0 || err != nil {
		t.Errorf("%d files evicted again, %v", n, err)
	}
	f = k.open(f.node, syscall.O_RDONLY)
	if got, status := f.read(0, 8); status != fuse.OK || string(got) != "contents" {
		t.Errorf("%q, %v", got, status)
	}
	f.release()
}
