package writable

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"clfsload/state"
)

// model is a file and what must be in it.
type model struct {
	*kernel
	random *rand.Rand
	node   uint64
	handle *opened // nil: closed
	want   []byte
	steps  []string
	waited int // how often it was evicted while it waited for a publication
}

const modelSize = 24 << 20 // three blocks, about

func (m *model) open() *opened {
	if m.handle == nil {
		m.handle = m.kernel.open(m.node, syscall.O_RDWR)
	}
	return m.handle
}

func (m *model) resize(size int64) {
	if size <= int64(len(m.want)) {
		m.want = m.want[:size]
		return
	}
	m.want = append(m.want, make([]byte, size-int64(len(m.want)))...)
}

// place chooses an offset, often at the edge of a block or near one.
func (m *model) place() int64 {
	edges := []int64{0, 16384, 16384 + 8<<20, 16384 + 16<<20, int64(len(m.want))}
	edge := edges[m.random.IntN(len(edges))]
	switch m.random.IntN(4) {
	case 0:
		return edge
	case 1:
		return max(edge+m.random.Int64N(4000)-2000, 0)
	}
	return m.random.Int64N(modelSize)
}

func (m *model) write() fuse.Status {
	off, p := m.place(), make([]byte, 1+m.random.IntN(1<<20))
	for i := 0; i < len(p); i += 512 {
		p[i] = byte(m.random.Int())
	}
	m.resize(max(int64(len(m.want)), off+int64(len(p))))
	copy(m.want[off:], p)
	m.steps = append(m.steps, fmt.Sprintf("write %d+%d", off, len(p)))
	return m.open().write(p, off)
}

// fill writes blocks in order.
func (m *model) fill() fuse.Status {
	p := bytes.Repeat([]byte{byte(m.random.Int()), 1, 2, 3}, 1<<18)
	m.steps = append(m.steps, "fill")
	for off := int64(0); off < 18<<20; off += int64(len(p)) {
		m.resize(max(int64(len(m.want)), off+int64(len(p))))
		copy(m.want[off:], p)
		if status := m.open().write(p, off); status != fuse.OK {
			return status
		}
	}
	return fuse.OK
}

func (m *model) truncate() fuse.Status {
	size := m.place()
	m.resize(size)
	m.steps = append(m.steps, fmt.Sprintf("truncate %d", size))
	return m.kernel.truncate(m.node, size)
}

func (m *model) allocate() fuse.Status {
	modes := []uint32{0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_ZERO_RANGE}
	mode := modes[m.random.IntN(len(modes))]
	off, length := m.place(), 1+m.random.Int64N(2<<20)
	if mode&unix.FALLOC_FL_KEEP_SIZE == 0 {
		m.resize(max(int64(len(m.want)), off+length))
	}
	if mode&(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_ZERO_RANGE) != 0 && off < int64(len(m.want)) {
		clear(m.want[off:min(off+length, int64(len(m.want)))])
	}
	m.steps = append(m.steps, fmt.Sprintf("fallocate %d %d+%d", mode, off, length))
	return m.fs.Fallocate(nil, &fuse.FallocateIn{InHeader: header(m.node), Fh: m.open().fh, Offset: uint64(off), Length: uint64(length), Mode: mode})
}

func (m *model) close() fuse.Status {
	m.steps = append(m.steps, "close")
	if m.handle != nil {
		m.handle.close()
		m.handle = nil
	}
	return fuse.OK
}

// upload settles, uploads and evicts what can be.
func (m *model) upload() fuse.Status {
	if m.random.IntN(2) == 0 {
		m.close()
	}
	m.steps = append(m.steps, "upload and evict")
	ctx := m.t.Context()
	if err := m.engine.early(ctx); err != nil {
		m.t.Fatal(err)
	}
	if err := m.fs.settle(ctx, 0); err != nil {
		m.t.Fatal(err)
	}
	if err := m.engine.upload(ctx); err != nil {
		m.t.Fatal(err)
	}
	if m.random.IntN(2) == 0 {
		evicted, err := m.fs.evictor.EvictFiles(ctx)
		if err != nil {
			m.t.Fatal(err)
		}
		if evicted > 0 && m.kernel.node(m.node).State == state.Sealed {
			m.waited++
		}
	}
	if m.random.IntN(2) == 0 {
		if _, err := m.fs.evictor.EvictBlocks(ctx); err != nil {
			m.t.Fatal(err)
		}
	}
	return fuse.OK
}

func (m *model) publish() fuse.Status {
	m.steps = append(m.steps, "publish")
	if err := m.engine.publish(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	return fuse.OK
}

func (m *model) chmod() fuse.Status {
	m.steps = append(m.steps, "chmod")
	in := &fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{InHeader: header(m.node), Valid: fuse.FATTR_MODE, Mode: m.random.Uint32N(0o1000)}}
	return m.fs.SetAttr(nil, in, &fuse.AttrOut{})
}

func (m *model) sync() fuse.Status {
	m.steps = append(m.steps, "fsync")
	return m.fs.Fsync(nil, &fuse.FsyncIn{InHeader: header(m.node), Fh: m.open().fh})
}

// copyRange copies within the file.
func (m *model) copyRange() fuse.Status {
	from, to, length := m.place(), m.place(), 1+m.random.Int64N(1<<20)
	length = min(length, int64(len(m.want))-from)
	if length <= 0 || from < to+length && to < from+length {
		return fuse.OK
	}
	m.steps = append(m.steps, fmt.Sprintf("copy %d+%d to %d", from, length, to))
	m.resize(max(int64(len(m.want)), to+length))
	copy(m.want[to:], m.want[from:from+length])
	n, status := m.fs.CopyFileRange(nil, &fuse.CopyFileRangeIn{InHeader: header(m.node), FhIn: m.open().fh, OffIn: uint64(from),
		NodeIdOut: m.node, FhOut: m.open().fh, OffOut: uint64(to), Len: uint64(length)})
	if status == fuse.OK && int64(n) != length {
		m.t.Fatalf("copied %d bytes of %d", n, length)
	}
	return status
}

func (m *model) remount() fuse.Status {
	m.close()
	m.steps = append(m.steps, "crash")
	m.crash()
	return fuse.OK
}

// die is a crash while the file is open.
func (m *model) die() fuse.Status {
	m.steps = append(m.steps, "crash while it is open")
	m.handle = nil
	m.crash()
	return fuse.OK
}

// truncateToItsSize changes nothing.
func (m *model) truncateToItsSize() fuse.Status {
	m.steps = append(m.steps, "truncate to its size")
	return m.kernel.truncate(m.node, int64(len(m.want)))
}

// empty opens the file with O_TRUNC.
func (m *model) empty() fuse.Status {
	m.steps = append(m.steps, "O_TRUNC")
	m.want = m.want[:0]
	m.kernel.open(m.node, syscall.O_RDWR|syscall.O_TRUNC).close()
	return fuse.OK
}

func (m *model) check() {
	m.t.Helper()
	if got := m.attr(m.node).Size; got != uint64(len(m.want)) {
		m.t.Fatalf("size %d, want %d, after %q", got, len(m.want), m.steps)
	}
	h := m.kernel.open(m.node, syscall.O_RDONLY)
	defer h.release()
	for off := int64(0); off < int64(len(m.want)); off += 1 << 20 {
		got, status := h.read(off, 1<<20)
		m.ok("read", status)
		want := m.want[off:min(off+1<<20, int64(len(m.want)))]
		if bytes.Equal(got, want) {
			continue
		}
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				m.t.Fatalf("byte %d differs (%d bytes of %d) after %q", off+int64(i), len(got), len(want), m.steps)
			}
		}
	}
}

func TestContentsAreThoseOfAModelAcrossUploadsAndEvictions(t *testing.T) {
	waited := 0
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			k := newKernel(t)
			h := k.create(rootNode, "f")
			m := &model{kernel: k, random: rand.New(rand.NewPCG(seed, 0)), node: h.node, handle: h}
			do := []func() fuse.Status{m.write, m.write, m.write, m.truncate, m.allocate, m.close, m.upload, m.upload, m.sync, m.copyRange, m.fill, m.remount,
				m.publish, m.chmod, m.die, m.truncateToItsSize, m.upload, m.upload}
			if seed%2 == 1 {
				do = append(do, m.empty)
			}
			for range 60 {
				status := do[m.random.IntN(len(do))]()
				if status != fuse.OK {
					t.Fatalf("%v after %q\n%s", status, m.steps, k.log)
				}
				m.check()
			}
			m.close()
			if k.engine.reads == 0 {
				t.Error("nothing was read back from the container")
			}
			waited += m.waited
		})
	}
	if waited == 0 {
		t.Error("it was never evicted while it waited for a publication")
	}
}
