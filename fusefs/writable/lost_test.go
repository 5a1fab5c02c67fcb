package writable

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/state"
)

// The sizes of files that end within each kind of block, and at the end of one.
var evictedSizes = []int{100, 16384, 40000, 9 << 20}

func TestTruncatingAnEvictedFileToTheSizeItHasKeepsItsContents(t *testing.T) {
	for _, size := range evictedSizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			k := newKernel(t)
			node := k.evicted(size)
			k.ok("truncate", k.truncate(node, int64(size)))
			k.mustEndWith(node, size, "AAAA")
			k.upload()
			k.mustEndWith(node, size, "AAAA")
		})
	}
}

func TestAnEvictedFileThatIsWrittenInACrashKeepsItsEnd(t *testing.T) {
	for _, size := range evictedSizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			k := newKernel(t)
			node := k.evicted(size)
			f := k.open(node, syscall.O_RDWR)
			k.ok("write", f.write([]byte("B"), 0))
			k.crash()
			k.mustEndWith(node, size, "AAAA")
		})
	}
}

// uploaded makes a file of a size that is in staging and in the container.
func (k *kernel) uploaded(size int) uint64 {
	k.t.Helper()
	f := k.create(rootNode, "f")
	k.ok("write", f.write(bytes.Repeat([]byte("A"), size), 0))
	f.close()
	k.upload()
	return f.node
}

// evicted makes one that is in the container alone.
func (k *kernel) evicted(size int) uint64 {
	k.t.Helper()
	node := k.uploaded(size)
	k.evict(1)
	return node
}

// mustEndWith reads the last bytes of a file.
func (k *kernel) mustEndWith(node uint64, size int, want string) {
	k.t.Helper()
	f := k.open(node, syscall.O_RDONLY)
	defer f.release()
	got, status := f.read(int64(size-len(want)), len(want))
	if status != fuse.OK || string(got) != want {
		k.t.Errorf("it ends with %q, %v, want %q", got, status, want)
	}
}

// The head of such a file has a row of its own, which says that it is not in staging.
func TestAnEvictedFileThatIsCutToItsHeadKeepsThat(t *testing.T) {
	k := newKernel(t)
	f := k.open(k.uploaded(40000), syscall.O_RDWR)
	k.ok("write", f.write([]byte("HEAD"), 0))
	f.close()
	k.upload()
	k.evict(1)
	k.ok("truncate", k.truncate(f.node, 16384))
	k.upload()
	f = k.open(f.node, syscall.O_RDWR)
	defer f.close()
	k.ok("write", f.write([]byte("x"), 100))
	if got, status := f.read(0, 8); status != fuse.OK || string(got) != "HEADAAAA" {
		t.Errorf("it begins with %q, %v", got, status)
	}
}

func (k *kernel) evict(want int) {
	k.t.Helper()
	if n, err := k.fs.evictor.EvictFiles(k.t.Context()); n != want || err != nil {
		k.t.Fatalf("%d files are evicted, %v", n, err)
	}
}

func TestATruncationThatFailsLeavesNoFileOpen(t *testing.T) {
	k := newKernel(t)
	node := k.evicted(40000)
	k.engine.cutOff = true
	if status := k.truncate(node, 20000); status != fuse.EIO {
		t.Fatalf("truncate: %v", status)
	}
	if n := k.node(node); n.Flags&state.Opened != 0 || n.Attr.Size != 40000 {
		t.Errorf("flags %b, %d bytes", n.Flags, n.Attr.Size)
	}
}

func TestTheTimeOfAnOpenFileSurvivesTheEvictionOfItsBlocks(t *testing.T) {
	k := newKernel(t)
	f := k.openUploaded()
	k.ok("setattr", k.setMtime(f.node, 1000))
	if n, err := k.fs.evictor.EvictBlocks(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d blocks are evicted, %v", n, err)
	}
	k.crash()
	if a := k.attr(f.node); a.Mtime != 1000 {
		t.Errorf("mtime %d", a.Mtime)
	}
}

// openUploaded makes a file that is open, with a full block that is uploaded.
func (k *kernel) openUploaded() *opened {
	k.t.Helper()
	f := k.create(rootNode, "f")
	for i := range 9 {
		k.ok("write", f.write(bytes.Repeat([]byte("old "), mega/4), int64(i)*mega))
	}
	if err := k.engine.early(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	return f
}

// setMtime sets a time and a mode.
func (k *kernel) setMtime(node, seconds uint64) fuse.Status {
	in := &fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{InHeader: header(node),
		Valid: fuse.FATTR_MODE | fuse.FATTR_MTIME, Mode: 0o600, Mtime: seconds}}
	return k.fs.SetAttr(nil, in, &fuse.AttrOut{})
}

// The kernel sends a release when it likes, and a mount that is being published looks
// for files that have none.
func TestWhatIsSetWhileAFileIsReleasedStays(t *testing.T) {
	k := newKernel(t)
	for i := range 40 {
		f := k.create(rootNode, fmt.Sprint(i))
		k.ok("write", f.write(make([]byte, 4096), 0))
		k.ok("flush", f.flush())
		k.fs.files.ReopenLingering(0)
		var beside sync.WaitGroup
		beside.Go(f.release)
		k.ok("setattr", k.setMtime(f.node, 1000))
		if a := k.attr(f.node); a.Size != 4096 {
			t.Fatalf("while it is released: %d bytes", a.Size)
		}
		beside.Wait()
		if n := k.node(f.node); n.Attr.Mtime != 1000*1e9 {
			t.Fatalf("the journal has the time %d", n.Attr.Mtime)
		}
		if a := k.attr(f.node); a.Size != 4096 || a.Mode&0o7777 != 0o600 || a.Mtime != 1000 {
			t.Fatalf("afterwards: %+v", a)
		}
	}
}

// Files go from one list to the next while the evictor looks.
func TestThereIsHopeWhileTheOnlyFileIsUploaded(t *testing.T) {
	k := newKernelWith(t, func(o *Options) { o.StagingLimit = mega })
	for i := range 40 {
		f := k.create(rootNode, fmt.Sprint(i))
		k.fill(f, mega)
		f.close()
		if err := k.fs.settle(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		var uploads sync.WaitGroup
		uploads.Go(func() {
			if err := k.engine.upload(t.Context()); err != nil {
				t.Error(err)
			}
		})
		hope, err := k.fs.evictor.MakeRoom(t.Context())
		if err != nil || !hope {
			t.Errorf("hope %t, %v", hope, err)
		}
		uploads.Wait()
		for n := 1; n > 0; {
			if n, err = k.fs.evictor.EvictFiles(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// fill writes to a file without waiting for room.
func (k *kernel) fill(o *opened, n int) {
	k.t.Helper()
	h, err := k.fs.handles.get(o.fh)
	if err == nil {
		_, err = h.Write(k.t.Context(), make([]byte, n), 0)
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

func TestAFileThatIsTruncatedByAReaderIsWhole(t *testing.T) {
	k := newKernel(t)
	node := k.evicted(40000)
	k.open(node, syscall.O_RDONLY|syscall.O_TRUNC).release()
	if n := k.node(node); n.Flags&state.Opened != 0 || n.Attr.Size != 0 {
		t.Errorf("flags %b, %d bytes", n.Flags, n.Attr.Size)
	}
}

// The journal is on the disk as of the first write, and staging as of the last one.
func TestWhatIsInStagingAfterAPowerCutIsUploaded(t *testing.T) {
	k := newKernel(t)
	f := k.open(k.uploaded(40000), syscall.O_RDWR)
	k.ok("write", f.write([]byte("B"), 0))
	disk := k.journalFiles()
	k.ok("write", f.write(bytes.Repeat([]byte("B"), 20000), 20000))
	k.cutPower(disk)
	if got := Progress(k.node(f.node), 0); got != "incomplete" {
		t.Errorf("it is %s", got)
	}
	f = k.open(f.node, syscall.O_RDWR)
	k.ok("write", f.write([]byte("C"), 0))
	f.close()
	k.upload()
	k.mustEndWith(f.node, 40000, "BBBB")
	k.evict(1)
	k.mustEndWith(f.node, 40000, "BBBB")
}

// The staging file of an inode that the journal does not know any more is there until it
// is swept.
func TestAfterAPowerCutNoFileHasTheBytesOfAnotherOne(t *testing.T) {
	k := newKernel(t)
	disk := k.journalFiles()
	f := k.create(rootNode, "secret")
	k.ok("write", f.write(bytes.Repeat([]byte("SECRET"), 1000), 0))
	f.close()
	k.cutPower(disk)
	other := k.create(rootNode, "other")
	if other.node == f.node {
		t.Errorf("inode %d is used again", f.node)
	}
	k.ok("write", other.write([]byte("y"), 4000))
	k.ok("flush", other.flush())
	if got, status := other.read(0, 4000); status != fuse.OK || !bytes.Equal(got, make([]byte, 4000)) {
		t.Errorf("the hole has %q, %v", got[:min(len(got), 40)], status)
	}
	other.release()
}

// journalFiles are those of the journal as a power cut leaves them now.
func (k *kernel) journalFiles() map[string][]byte {
	k.t.Helper()
	if err := k.fs.journal.Sync(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, path := range k.journalPaths() {
		data, err := os.ReadFile(path)
		if err != nil {
			k.t.Fatal(err)
		}
		files[path] = data
	}
	return files
}

func (k *kernel) journalPaths() []string {
	k.t.Helper()
	paths, err := filepath.Glob(filepath.Join(k.dir, "journal*"))
	if err != nil {
		k.t.Fatal(err)
	}
	return slices.DeleteFunc(paths, func(path string) bool { return strings.HasSuffix(path, "-shm") })
}

// cutPower takes the journal back to what was on the disk, and starts the file system
// again; what was written to staging is there.
func (k *kernel) cutPower(disk map[string][]byte) {
	k.t.Helper()
	k.die()
	for _, path := range k.journalPaths() {
		if err := os.Remove(path); err != nil {
			k.t.Fatal(err)
		}
	}
	for path, data := range disk {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			k.t.Fatal(err)
		}
	}
	k.restart(true)
}
