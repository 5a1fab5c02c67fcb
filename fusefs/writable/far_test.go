package writable

import (
	"bytes"
	"math"
	"runtime"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"clfsload/state"
)

// far is an offset of a million blocks that every disk takes.
const far = 8 << 40

func (o *opened) allocate(mode uint32, off, length uint64) fuse.Status {
	return o.k.fs.Fallocate(nil, &fuse.FallocateIn{InHeader: header(o.node), Fh: o.fh, Mode: mode, Offset: off, Length: length})
}

// rows counts the rows that the journal has of blocks.
func (k *kernel) rows(node uint64) int {
	k.t.Helper()
	rows, err := k.fs.journal.BlocksOf(k.t.Context(), state.Ino(node))
	if err != nil {
		k.t.Fatal(err)
	}
	return len(rows)
}

// inContainer makes a file of so many blocks that is uploaded.
func (k *kernel) inContainer(name string, blocks int) *opened {
	k.t.Helper()
	f := k.create(rootNode, name)
	end, length := state.BlockRange(uint64(blocks - 1))
	k.ok("write", f.write([]byte("first"), 0))
	k.ok("truncate", k.truncate(f.node, end+length))
	f.close()
	k.upload()
	return k.open(f.node, syscall.O_RDWR)
}

func TestCallsFarBeyondTheEndCostWhatTheyChange(t *testing.T) {
	for name, call := range map[string]func(f *opened) fuse.Status{
		"fallocate":            func(f *opened) fuse.Status { return f.allocate(0, far, 1) },
		"fallocate, keep size": func(f *opened) fuse.Status { return f.allocate(unix.FALLOC_FL_KEEP_SIZE, far, 1) },
		"zero range":           func(f *opened) fuse.Status { return f.allocate(unix.FALLOC_FL_ZERO_RANGE, 100, far) },
		"punch hole": func(f *opened) fuse.Status {
			return f.allocate(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 100, far)
		},
		"write":              func(f *opened) fuse.Status { return f.write([]byte{1}, far) },
		"truncate":           func(f *opened) fuse.Status { return f.k.truncate(f.node, far) },
		"truncate there and": func(f *opened) fuse.Status { f.k.truncate(f.node, far); return f.k.truncate(f.node, 10) },
	} {
		k := newKernel(t)
		f := k.inContainer("f", 3)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		k.ok(name, call(f))
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > mega {
			t.Errorf("%s allocates %d bytes", name, took)
		}
		if rows := k.rows(f.node); rows > 4 {
			t.Errorf("%s leaves %d rows of blocks", name, rows)
		}
		f.close()
	}
}

func TestWhatIsMadeZeroAsAWholeIsNotFetched(t *testing.T) {
	k := newKernel(t)
	f := k.inContainer("f", 6)
	f.close()
	if n, err := k.fs.evictor.EvictFiles(t.Context()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	f = k.open(f.node, syscall.O_RDWR)
	k.engine.reads = 0
	at, _ := state.BlockRange(2)
	end, _ := state.BlockRange(5)
	k.ok("punch", f.allocate(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, uint64(at)-10, uint64(end-at)+20))
	if k.engine.reads != 2 {
		t.Errorf("%d blocks were read for a hole with two edges", k.engine.reads)
	}
	got, status := f.read(0, 16)
	if k.ok("read", status); !bytes.HasPrefix(got, []byte("first")) {
		t.Errorf("%q", got)
	}
	f.close()
	k.upload()
	f = k.open(f.node, syscall.O_RDONLY)
	if got, status = f.read(at, 16); status != fuse.OK || !bytes.Equal(got, make([]byte, 16)) {
		t.Errorf("%q, %v", got, status)
	}
}

func TestEveryCallRefusesAFileThatIsTooLargeExactlyThere(t *testing.T) {
	const most = far
	k := newKernelWith(t, func(o *Options) { o.MaxFileSize = most })
	f := k.create(rootNode, "f")
	tooBig := fuse.Status(syscall.EFBIG)
	for name, c := range map[string]struct {
		got, want fuse.Status
	}{
		"write up to the end":     {f.write([]byte{1}, most-1), fuse.OK},
		"write behind it":         {f.write([]byte{1}, most), tooBig},
		"write far behind it":     {f.write([]byte{1}, math.MaxInt64), tooBig},
		"write nothing behind it": {f.write(nil, most+1), fuse.OK},
		"truncate to it":          {k.truncate(f.node, most), fuse.OK},
		"truncate behind it":      {k.truncate(f.node, most+1), tooBig},
		"truncate far behind it":  {k.truncate(f.node, math.MaxInt64), tooBig},
		"allocate up to it":       {f.allocate(0, most-1, 1), fuse.OK},
		"allocate behind it":      {f.allocate(0, most-1, 2), tooBig},
		"allocate past 2^64":      {f.allocate(0, math.MaxInt64, math.MaxInt64), tooBig},
		"punch past 2^64":         {f.allocate(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, math.MaxInt64, math.MaxInt64), tooBig},
		"zero behind it":          {f.allocate(unix.FALLOC_FL_ZERO_RANGE|unix.FALLOC_FL_KEEP_SIZE, most, 1), tooBig},
		"collapse":                {f.allocate(unix.FALLOC_FL_COLLAPSE_RANGE, 0, 4096), fuse.Status(syscall.EOPNOTSUPP)},
		"insert":                  {f.allocate(unix.FALLOC_FL_INSERT_RANGE, 0, 4096), fuse.Status(syscall.EOPNOTSUPP)},
		"unshare":                 {f.allocate(unix.FALLOC_FL_UNSHARE_RANGE, 0, 4096), fuse.Status(syscall.EOPNOTSUPP)},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
	n, status := k.fs.Write(nil, &fuse.WriteIn{InHeader: header(f.node), Fh: f.fh, Offset: most - 3}, []byte("12345"))
	if n != 3 || status != fuse.OK {
		t.Errorf("a write over the end writes %d bytes, %v", n, status)
	}
	if size := k.attr(f.node).Size; size != most {
		t.Errorf("the file has %d bytes", size)
	}
	k.ok("truncate", k.truncate(f.node, 0))
	f.close()
}
