package exerciser

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"

	"golang.org/x/sys/unix"
)

// copyRange copies between two files, or within one where the ranges do not meet.
func (e *Exerciser) copyRange() error {
	return e.with(e.someFile(), false, func(from *handle) error {
		return e.with(e.someFile(), true, func(to *handle) error {
			source, at, into := from.node, e.offset(from.node), e.offset(to.node)
			if at >= len(source.data) {
				return nil
			}
			length := min(e.length(to.node), len(source.data)-at)
			if source == to.node && at < into+length && into < at+length {
				return nil
			}
			d := doubt{node: to.node, at: into, data: slices.Clone(source.data[at : at+length])}
			what := fmt.Sprintf("copy_file_range of %d bytes from %d of %s to %d", length, at, e.named(source), into)
			return e.alter(what, d, contents, func() error {
				return all(d.data, func(rest []byte, done int) (int, error) {
					r, w := int64(at+done), int64(into+done)
					return unix.CopyFileRange(from.fd, &r, to.fd, &w, len(rest), 0)
				})
			})
		})
	})
}

// mapWrite writes through a shared mapping. It is done when msync or munmap and close
// are.
func (e *Exerciser) mapWrite() error {
	return e.with(e.someFile(), true, func(h *handle) error {
		size := len(h.node.data)
		if size == 0 {
			return nil
		}
		at := e.random.IntN(size)
		data := e.noise(min(e.length(h.node), size-at))
		d := doubt{node: h.node, at: at, data: data, size: size, whole: true}
		return e.alter(fmt.Sprintf("mmap write of %d bytes at %d", len(data), at), d, perhaps, func() error {
			return mapped(h.fd, at, len(data), func(m []byte) error {
				if !bytes.Equal(m, h.node.data[at:at+len(data)]) {
					return errors.New("the mapping shows something else before the write")
				}
				copy(m, data)
				return nil
			})
		})
	})
}

// mapped does something to a mapping of a part of a file, and syncs it. A page that
// cannot be had is an error, as with read.
func mapped(fd, at, length int, do func([]byte) error) (err error) {
	page := at / os.Getpagesize() * os.Getpagesize()
	m, err := unix.Mmap(fd, int64(page), at-page+length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("fault: %v", fault)
		}
		err = errors.Join(err, unix.Munmap(m))
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	if err := do(m[at-page:]); err != nil {
		return err
	}
	return unix.Msync(m, unix.MS_SYNC)
}

// mostOpen files are held open.
const mostOpen = 10

// open holds a file open, mostly for reading, and some for appending.
func (e *Exerciser) open() error {
	n := e.some((*node).isRegular)
	if n == nil || len(e.handles) >= mostOpen {
		return e.close()
	}
	h := &handle{node: n, path: e.path(n)}
	flags := unix.O_RDONLY
	switch e.random.IntN(3) {
	case 0:
		h.writable, flags = true, unix.O_RDWR
	case 1:
		h.writable, h.appends, flags = true, true, unix.O_RDWR|unix.O_APPEND
	}
	if h.writable && e.random.IntN(4) == 0 {
		flags |= unix.O_TRUNC
	}
	what := fmt.Sprintf("open %s with flags %#x", e.named(n), flags)
	call := func() error { return e.opened(h, flags, 0) }
	if flags&unix.O_TRUNC != 0 {
		return e.alter(what, doubt{node: n, whole: true}, perhaps, call)
	}
	return e.change(change{what: what, call: call, apply: func() {}})
}

// opened opens a file, and holds it open.
func (e *Exerciser) opened(h *handle, flags int, mode uint32) (err error) {
	if h.fd, err = unix.Open(h.path, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, mode); err == nil {
		e.handles = append(e.handles, h)
	}
	return err
}

// close lets go of a file that was held open.
func (e *Exerciser) close() error {
	if len(e.handles) == 0 {
		return nil
	}
	h := e.handles[e.random.IntN(len(e.handles))]
	e.note("close %s", e.named(h.node))
	return e.release(h)
}

// Close closes all files that are held open.
func (e *Exerciser) Close() error {
	var err error
	for len(e.handles) > 0 && err == nil {
		err = e.close()
	}
	return e.explain(err)
}

func (e *Exerciser) read() error {
	n := e.someFile()
	if n == nil {
		return nil
	}
	at := e.offset(n)
	e.note("read %s at %d", e.named(n), at)
	return e.readAt(n, at, e.length(n))
}

// readAt reads a part of a file in one of the ways that there are.
func (e *Exerciser) readAt(n *node, at, length int) error {
	h := e.handleOf(n, func(*handle) bool { return true })
	if h != nil && (len(n.places) == 0 || e.random.IntN(2) == 0) {
		return e.matches(n, h.fd, at, length)
	}
	if len(n.places) == 0 {
		return nil
	}
	fd, err := unix.Open(e.path(n), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return e.wrong("open "+e.named(n), err)
	}
	defer unix.Close(fd)
	return e.matches(n, fd, at, length)
}

// matches compares a part of a file with the model.
func (e *Exerciser) matches(n *node, fd, at, length int) error {
	got := make([]byte, length)
	have := 0
	for have < length {
		r, err := unix.Pread(fd, got[have:], int64(at+have))
		if err != nil {
			return e.wrong(fmt.Sprintf("read %s at %d", e.named(n), at+have), err)
		}
		if r == 0 {
			break
		}
		have += r
	}
	var want []byte
	if at < len(n.data) {
		want = n.data[at:min(at+length, len(n.data))]
	}
	return differ(e.named(n), at, got[:have], want)
}

// differ tells where two pieces do.
func differ(name string, at int, got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	if len(got) != len(want) {
		return fmt.Errorf("%s: %d bytes could be read at %d, not %d", name, len(got), at, len(want))
	}
	first, count := -1, 0
	for i := range got {
		if got[i] != want[i] {
			if count++; first < 0 {
				first = i
			}
		}
	}
	end := min(first+16, len(got))
	return fmt.Errorf("%s: %d of %d bytes from %d on are wrong; the first, at %d: %x, not %x",
		name, count, len(got), at, at+first, got[first:end], want[first:end])
}

// seek asks for the data and holes of a file; what is called a hole must be zeros.
func (e *Exerciser) seek() error {
	return e.with(e.someFile(), false, func(h *handle) error {
		e.note("lseek in %s", e.named(h.node))
		data, size := h.node.data, int64(len(h.node.data))
		for at := int64(0); at < size; {
			next, err := unix.Seek(h.fd, at, unix.SEEK_DATA)
			if errors.Is(err, unix.ENXIO) {
				next, err = size, nil
			}
			if err != nil {
				return e.wrong("lseek "+e.named(h.node), err)
			}
			if next < at || next > size || len(bytes.Trim(data[at:next], "\x00")) > 0 {
				return fmt.Errorf("lseek in %s: from %d on the data begin at %d, which is not so", e.named(h.node), at, next)
			}
			if next == size {
				break
			}
			if at, err = unix.Seek(h.fd, next, unix.SEEK_HOLE); err != nil {
				return e.wrong("lseek "+e.named(h.node), err)
			}
			if at <= next || at > size {
				return fmt.Errorf("lseek in %s: the data at %d end at %d, of %d", e.named(h.node), next, at, size)
			}
		}
		_, err := unix.Seek(h.fd, size, io.SeekStart)
		_, end := unix.Seek(h.fd, size, unix.SEEK_DATA)
		if err != nil || !errors.Is(end, unix.ENXIO) {
			return e.wrong("lseek at the end of "+e.named(h.node), errors.Join(err, end))
		}
		return nil
	})
}

// list compares one directory with the model.
func (e *Exerciser) list() error {
	dir := e.some((*node).isDir)
	e.note("list %s", e.named(dir))
	return e.listed(dir)
}
