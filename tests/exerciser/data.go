package exerciser

import (
	"fmt"
	"io"
	"slices"

	"golang.org/x/sys/unix"
)

// doubt is what a call does to contents. If it is cut off, any of the bytes may be
// there already.
type doubt struct {
	node  *node
	at    int
	data  []byte // that come to be at that offset
	size  int    // of the file afterwards
	whole bool   // the size changes at once or not at all
}

// alter changes contents. doubt.size 0 and whole false: as far as the data go.
func (e *Exerciser) alter(what string, d doubt, effect effect, call func() error) error {
	n := d.node
	if !d.whole {
		d.size = max(len(n.data), d.at+len(d.data))
	}
	err := e.change(change{
		what: fmt.Sprintf("%s of %s", what, e.named(n)),
		call: call,
		apply: func() {
			n.resize(d.size)
			n.store(d.at, d.data)
		},
		touched: []touch{{n, effect}},
		doubt:   &d,
	})
	if err != nil {
		return err
	}
	return e.around(n, d.at, len(d.data))
}

// around reads what is at and about a place, and a place elsewhere.
func (e *Exerciser) around(n *node, at, length int) error {
	margin := e.random.IntN(6000)
	from := max(at-margin, 0)
	if err := e.readAt(n, from, at-from+length+margin); err != nil {
		return err
	}
	return e.readAt(n, e.random.IntN(len(n.data)+1), e.random.IntN(20_000))
}

// file is a handle for a call on n: an open one, or one for this time only.
func (e *Exerciser) file(n *node, writable bool) (h *handle, done func() error, err error) {
	if h = e.handleOf(n, func(h *handle) bool { return (h.writable || !writable) && !h.appends }); h != nil {
		if len(n.places) == 0 || e.random.IntN(2) == 0 {
			return h, func() error { return nil }, nil
		}
	}
	flags := unix.O_RDONLY
	if writable {
		flags = unix.O_RDWR
	}
	fd, err := unix.Open(e.path(n), flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, nil, e.wrong("open "+e.named(n), err)
	}
	h = &handle{fd: fd, node: n, writable: writable}
	e.handles = append(e.handles, h)
	return h, func() error { return e.release(h) }, nil
}

// release closes a file.
func (e *Exerciser) release(h *handle) error {
	i := slices.Index(e.handles, h)
	if i < 0 {
		return nil // dropped
	}
	e.handles = slices.Delete(e.handles, i, i+1)
	if err := e.intercept(func() error { return unix.Close(h.fd) }); err != nil {
		h.node.loose = h.node.loose || h.writable
		return e.wrong("close "+e.named(h.node), err)
	}
	return nil
}

// someFile is a regular file that can be written to, removed ones that are open
// among them.
func (e *Exerciser) someFile() *node {
	files := slices.DeleteFunc(slices.Clone(e.nodes), func(n *node) bool { return !n.isRegular() })
	for _, h := range e.handles {
		if len(h.node.places) == 0 && h.writable && !h.appends && !slices.Contains(files, h.node) {
			files = append(files, h.node)
		}
	}
	if len(files) == 0 {
		return nil
	}
	return files[e.random.IntN(len(files))]
}

// with opens a file for what is done to it.
func (e *Exerciser) with(n *node, writable bool, do func(*handle) error) error {
	if n == nil {
		return nil
	}
	h, done, err := e.file(n, writable)
	if err != nil {
		return err
	}
	if err := do(h); err != nil {
		_ = done()
		return err
	}
	return done()
}

// offset is a place in a file, often at what CLFS makes a boundary.
func (e *Exerciser) offset(n *node) int {
	const first, segment = 16_384, 8 << 20
	switch e.random.IntN(5) {
	case 0:
		return 0
	case 1:
		at := first + e.random.IntN(3)*segment - max(e.random.IntN(6000)-3000, 0)
		return min(at, n.limit)
	case 2:
		return len(n.data)
	case 3:
		return e.random.IntN(len(n.data)+1) &^ 4095
	}
	return e.random.IntN(n.limit)
}

// length is of a write, mostly a small one.
func (e *Exerciser) length(n *node) int {
	if e.random.IntN(8) == 0 {
		return 1 + e.random.IntN(n.limit/4)
	}
	return 1 + e.random.IntN(min(20_000, n.limit))
}

// noise is data, some of which can be compressed.
func (e *Exerciser) noise(length int) []byte {
	data := make([]byte, length)
	if e.random.IntN(3) == 0 {
		fill := byte(e.random.IntN(256))
		for i := range data {
			data[i] = fill + byte(i>>10)
		}
		return data
	}
	for i := 0; i < length; i += 8 {
		word := e.random.Uint64()
		for j := i; j < min(i+8, length); j++ {
			data[j] = byte(word)
			word >>= 8
		}
	}
	return data
}

func (e *Exerciser) write() error {
	return e.with(e.someFile(), true, func(h *handle) error {
		at, data := e.offset(h.node), e.noise(e.length(h.node))
		return e.alter(fmt.Sprintf("write of %d bytes at %d", len(data), at), doubt{node: h.node, at: at, data: data}, contents, func() error {
			return all(data, func(rest []byte, done int) (int, error) { return unix.Pwrite(h.fd, rest, int64(at+done)) })
		})
	})
}

// all goes on until all data went through a call that may take less.
func all(data []byte, call func(rest []byte, done int) (int, error)) error {
	for done := 0; done < len(data); {
		n, err := call(data[done:], done)
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrShortWrite
		}
		done += n
	}
	return nil
}

func (e *Exerciser) appendTo() error {
	var h *handle
	for _, other := range e.handles {
		if other.appends && len(other.node.data) < other.node.limit {
			h = other
		}
	}
	if h == nil {
		return nil
	}
	data := e.noise(e.length(h.node))
	return e.alter(fmt.Sprintf("append %d bytes", len(data)), doubt{node: h.node, at: len(h.node.data), data: data}, contents, func() error {
		return all(data, func(rest []byte, _ int) (int, error) { return unix.Write(h.fd, rest) })
	})
}

// truncate cuts or extends, by name or through an open file.
func (e *Exerciser) truncate() error {
	n := e.someFile()
	if n == nil {
		return nil
	}
	size := e.offset(n)
	effect := contents
	if size == len(n.data) {
		effect = perhaps
	}
	d := doubt{node: n, at: min(size, len(n.data)), size: size, whole: true}
	what := fmt.Sprintf("truncate %d to %d", len(n.data), size)
	if len(n.places) > 0 && e.random.IntN(3) == 0 {
		return e.alter(what, d, effect, func() error { return unix.Truncate(e.path(n), int64(size)) })
	}
	return e.with(n, true, func(h *handle) error {
		return e.alter("f"+what, d, effect, func() error { return unix.Ftruncate(h.fd, int64(size)) })
	})
}

// allocate punches a hole, or makes room inside or behind a file.
func (e *Exerciser) allocate() error {
	return e.with(e.someFile(), true, func(h *handle) error {
		n, at := h.node, e.offset(h.node)
		length := e.length(n)
		mode := []uint32{unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_KEEP_SIZE, 0}[e.random.IntN(3)]
		d := doubt{node: n, at: len(n.data), size: len(n.data), whole: true}
		if mode == 0 {
			d.size = max(len(n.data), at+length)
		}
		if mode&unix.FALLOC_FL_PUNCH_HOLE != 0 && at < len(n.data) {
			d.at, d.data = at, make([]byte, min(length, len(n.data)-at))
		}
		return e.alter(fmt.Sprintf("fallocate %#x %d bytes at %d", mode, length, at), d, perhaps, func() error {
			return unix.Fallocate(h.fd, mode, int64(at), int64(length))
		})
	})
}
