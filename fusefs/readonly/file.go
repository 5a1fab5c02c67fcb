package readonly

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/fusefs/fetch"
)

// file is a regular file.
type file struct {
	inode
	place place
}

var _ fs.NodeOpener = (*file)(nil)

// Open opens the file for reading.
func (f *file) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY || flags&syscall.O_TRUNC != 0 {
		return nil, 0, syscall.EROFS
	}
	n, err := f.node(ctx)
	if err != nil {
		return nil, 0, f.sys.fail("open", f.path(), err)
	}
	f.place.dir.opened(f.place)
	return &handle{file: f, node: n, cut: cutOf(n.Inode()), path: f.path(), at: f.spot()}, fuse.FOPEN_KEEP_CACHE, 0
}

// cut says how a file's contents are cut into chunks: chunk 0 is in the inode,
// each further one is a segment.
type cut struct{ first, segment, size uint64 }

// cutOf takes the sizes from the inode. Where they make no sense the usual ones
// stand in, and reading fails with an error that tells.
func cutOf(in *object.Inode) cut {
	c := cut{uint64(in.FirstSegmentSize), uint64(in.SegmentSize), in.Attr.Size}
	if c.segment == 0 || c.segment > clfs.SegmentBytes {
		c.first, c.segment = clfs.FirstSegmentBytes, clfs.SegmentBytes
	}
	return c
}

// chunk is the number of the chunk that holds the byte at off.
func (c cut) chunk(off uint64) uint64 {
	if off < c.first {
		return 0
	}
	return (off-c.first)/c.segment + 1
}

// bounds is where a chunk begins and ends.
func (c cut) bounds(number uint64) (from, to uint64) {
	if number == 0 {
		return 0, min(c.first, c.size)
	}
	from = c.first + (number-1)*c.segment
	return from, max(from, min(from+c.segment, c.size))
}

// handle is an open file.
type handle struct {
	file *file
	node Node
	cut  cut
	path string // where it was opened: a file that was replaced has no place
	at   spot   // likewise

	sequence fetch.Sequence // of chunks
	replaced atomic.Bool    // a read has found that parts of this version are gone
}

var _ fs.FileReader = (*handle)(nil)

// Read reads into dest from off on.
func (h *handle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	data, err := h.read(ctx, dest, uint64(off))
	if err != nil {
		return nil, h.fail(ctx, fmt.Errorf("at %d: %w", off, err))
	}
	return fuse.ReadResultData(data), 0
}

// fail says what a read fails with.
func (h *handle) fail(ctx context.Context, err error) syscall.Errno {
	sys := h.file.sys
	if sys.missing(err) && h.isReplaced(ctx, err) {
		return sys.options.Errno(ErrStale)
	}
	return sys.fail("read", h.path, err)
}

// isReplaced reports whether a publication has replaced the version that is open, of which a
// part is missing. That is logged once.
func (h *handle) isReplaced(ctx context.Context, missing error) bool {
	if h.replaced.Load() {
		return true
	}
	sys := h.file.sys
	err := sys.replaced(ctx, h.file.id, h.node, h.at, missing)
	if !errors.Is(err, errReplaced) && !errors.Is(err, ErrStale) {
		return false
	}
	if !h.replaced.Swap(true) {
		sys.log.Warn("an open file was replaced, and parts of its old version are deleted", "path", "/"+h.path, "error", missing)
	}
	return true
}

// read returns the bytes from off on, as many as dest has if there are. They are not copied
// to dest if they lie in one chunk.
func (h *handle) read(ctx context.Context, dest []byte, off uint64) ([]byte, error) {
	done := 0
	for done < len(dest) && off < h.cut.size {
		data, err := h.rest(ctx, off, len(dest)-done)
		if err != nil {
			return nil, err
		}
		if len(data) == len(dest) {
			return data, nil
		}
		n := copy(dest[done:], data)
		done += n
		off += uint64(n)
	}
	return dest[:done], nil
}

// rest returns the bytes from off on in a chunk, most at most.
func (h *handle) rest(ctx context.Context, off uint64, most int) ([]byte, error) {
	number := h.cut.chunk(off)
	h.follow(off, most, number)
	from, _ := h.cut.bounds(number)
	data, err := h.chunk(ctx, number)
	if err != nil {
		return nil, err
	}
	data = data[off-from:]
	return data[:min(len(data), most)], nil
}

// chunk returns the bytes of a chunk.
func (h *handle) chunk(ctx context.Context, number uint64) ([]byte, error) {
	if number == 0 {
		return readChunk(ctx, h.node, h.cut, 0)
	}
	from, to := h.cut.bounds(number)
	return h.file.sys.chunks.Get(ctx, chunkKey(h.file.id, h.node, number), int64(to-from), fetchChunk(h.node, h.cut, number))
}

// follow fetches ahead while the file is read in order, if memory allows. What is behind the
// reader goes first then.
func (h *handle) follow(off uint64, n int, number uint64) {
	h.sequence.Follow(off, uint64(n), number, func(window uint64) {
		sys := h.file.sys
		if number > 1 {
			sys.chunks.Passed(chunkKey(h.file.id, h.node, number-2))
		}
		for n := number + 1; n <= number+window; n++ {
			if from, to := h.cut.bounds(n); from >= to || !sys.chunkAhead(h.file.id, h.node, h.cut, n) {
				return
			}
		}
	})
}

// chunkAhead fetches a chunk that will be wanted soon, if there is room.
func (r *system) chunkAhead(id clfs.ID, n Node, c cut, number uint64) bool {
	from, to := c.bounds(number)
	return r.chunks.Ahead(chunkKey(id, n, number), int64(to-from), fetchChunk(n, c, number))
}

func chunkKey(id clfs.ID, n Node, number uint64) blockKey {
	return blockKey{versionKey{id, n.Version()}, number}
}

func fetchChunk(n Node, c cut, number uint64) fetch.Func[[]byte] {
	return func(ctx context.Context) ([]byte, int64, error) {
		data, err := readChunk(ctx, n, c, number)
		return data, int64(len(data)), err
	}
}

func readChunk(ctx context.Context, n Node, c cut, number uint64) ([]byte, error) {
	from, to := c.bounds(number)
	data, err := n.Block(ctx, number)
	if err != nil {
		return nil, err
	}
	if data == nil {
		return make([]byte, to-from), nil
	}
	if uint64(len(data)) < to-from {
		return nil, io.ErrUnexpectedEOF
	}
	return data[:to-from], nil
}
