package verify

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/sync/deepdir"
	"clfsload/sync/tree"
)

// source is the directory that the container is compared with.
type source struct {
	root  *os.File
	above deepdir.Opener
}

// microsecond is the maximum error of CLFSLoad's times, in nanoseconds: it stored them as floating
// point numbers.
const microsecond = 1000

// ErrSource: the directory to compare with cannot be used.
var ErrSource = errors.New("source")

func openSource(dir string) (*source, error) {
	root, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	return &source{root: root, above: deepdir.Opener{Root: int(root.Fd()), Open: openAbove}}, nil
}

func openAbove(dir int, names, _ string) (fd int, err error) {
	err = retry(func() (err error) {
		fd, err = unix.Openat(dir, names, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, err
}

func (s *source) close() {
	s.above.Forget()
	_ = s.root.Close()
}

// at makes a system call with a directory and the rest of a container path, which may be longer
// than the kernel accepts in one piece.
func (s *source) at(inContainer string, call func(dir int, path string) error) error {
	return s.above.Near(strings.TrimPrefix(inContainer, "/"), func(dir int, rest string) error {
		return retry(func() error { return call(dir, cmp.Or(rest, ".")) })
	})
}

// retry repeats a system call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

func (s *source) lstat(inContainer string) (st unix.Stat_t, err error) {
	err = s.at(inContainer, func(dir int, path string) error {
		return unix.Fstatat(dir, path, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	return st, err
}

func (s *source) readlink(inContainer string) (target string, err error) {
	err = s.at(inContainer, func(dir int, path string) error {
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(dir, path, buf)
		target = string(buf[:max(n, 0)])
		return err
	})
	return target, err
}

func (s *source) open(inContainer string, flags int) (f *os.File, err error) {
	err = s.at(inContainer, func(dir int, path string) error {
		fd, err := unix.Openat(dir, path, flags|unix.O_CLOEXEC, 0)
		if err == nil {
			f = os.NewFile(uintptr(fd), inContainer)
		}
		return err
	})
	return f, err
}

func (c *checker) differs(path, object, format string, args ...any) {
	c.damage(KindSource, path, object, format, args...)
}

// compare compares an inode with the file on disk at its path, except the bytes. The error is about
// the temporary database.
func (c *checker) compare(n *tree.Node, path string) error {
	st, err := c.source.lstat(path)
	if err != nil {
		c.differs(path, n.Blob, "in the source: %s", err)
		return nil
	}
	c.compareAttributes(n, path, &st)
	return c.rememberSource(n, path, &st)
}

func (c *checker) compareAttributes(n *tree.Node, path string, st *unix.Stat_t) {
	for _, d := range attributeDifferences(n, st) {
		c.differs(path, n.Blob, "%s", d)
	}
	switch off := mtimeOff(n.Inode.Attr.Mtime, st.Mtim); {
	case off > microsecond:
		m := n.Inode.Attr.Mtime
		c.differs(path, n.Blob, "mtime %d.%09d, the source has %d.%09d", m.Sec, m.Nsec, st.Mtim.Sec, st.Mtim.Nsec)
	case off > 0:
		c.remark(KindSourceTime, path, n.Blob, "mtime is %d ns off the source's, as CLFSLoad has it", off)
	}
	if n.Type() != clfs.TypeSymlink {
		return
	}
	if target, err := c.source.readlink(path); err != nil || target != string(n.Inode.Data) {
		c.differs(path, n.Blob, "links to %q, in the source to %q", n.Inode.Data, target)
	}
}

func attributeDifferences(n *tree.Node, st *unix.Stat_t) []string {
	a := n.Inode.Attr
	var found []string
	if a.Mode&0xffff != st.Mode&0xffff {
		found = append(found, fmt.Sprintf("mode %#o, the source has %#o", a.Mode, st.Mode))
	}
	if a.UID != st.Uid || a.GID != st.Gid {
		found = append(found, fmt.Sprintf("owner %d:%d, the source has %d:%d", a.UID, a.GID, st.Uid, st.Gid))
	}
	if n.Type() == clfs.TypeRegular && a.Size != uint64(st.Size) {
		found = append(found, fmt.Sprintf("%d bytes, the source has %d", a.Size, st.Size))
	}
	device := n.Type() == clfs.TypeBlock || n.Type() == clfs.TypeChar
	if device && (a.RdevMajor != unix.Major(st.Rdev) || a.RdevMinor != unix.Minor(st.Rdev)) {
		found = append(found, fmt.Sprintf("device %d:%d, the source has %d:%d", a.RdevMajor, a.RdevMinor, unix.Major(st.Rdev), unix.Minor(st.Rdev)))
	}
	return found
}

// mtimeOff is the difference between two times in nanoseconds. The load clamps a time that does not
// fit the format.
func mtimeOff(have clfs.Time, disk unix.Timespec) int64 {
	want, _ := clfs.NewTime(disk.Sec, disk.Nsec)
	if apart := int64(have.Sec) - int64(want.Sec); apart > 1 || apart < -1 {
		return 1e9
	}
	off := (int64(have.Sec)-int64(want.Sec))*1e9 + int64(have.Nsec) - int64(want.Nsec)
	return max(off, -off)
}

// extraOnDisk reports entries of a source directory that the container should have, but does not.
func (c *checker) extraOnDisk(ctx context.Context, d *tree.Dir) error {
	f, err := c.source.open(d.Path, unix.O_RDONLY|unix.O_DIRECTORY)
	if errors.Is(err, os.ErrNotExist) {
		return nil // reported by compare
	}
	if err != nil {
		c.differs(d.Path, d.Node.Blob, "in the source: %s", err)
		return nil
	}
	defer f.Close()
	takes := func(string, bool) bool { return true }
	if c.options.Takes != nil {
		takes = c.options.Takes(strings.TrimPrefix(d.Path, "/"))
	}
	for {
		entries, err := f.ReadDir(1024)
		for _, e := range entries {
			known, err := stateOf(d).names.Has([]byte(e.Name()))
			if err != nil {
				return err
			}
			if !known && takes(e.Name(), e.IsDir()) {
				c.differs(d.Join(e.Name()), "", "is in the source, but not in the container")
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return ctx.Err()
		case err != nil:
			c.differs(d.Path, d.Node.Blob, "in the source: %s", err)
			return nil
		}
	}
}

// rememberSource records which source file is at the path of a name of an inode with several names.
func (c *checker) rememberSource(n *tree.Node, path string, st *unix.Stat_t) error {
	if n.IsDir() || len(n.Inode.BackPointers) < 2 {
		return nil
	}
	_, err := c.db.Exec("INSERT INTO sources VALUES (?, ?, ?, ?, ?)", []byte(n.ID), n.Blob, []byte(path), int64(st.Dev), int64(st.Ino))
	return err
}

// joinedNames are the names of one inode whose source file is another than that of its first name.
const joinedNames = `SELECT s.path, s.blob, f.path FROM sources s
	JOIN (SELECT child, dev, ino, min(path) AS path FROM sources GROUP BY child) f ON f.child = s.child
	WHERE (s.dev, s.ino) <> (f.dev, f.ino)`

// joined reports names that lead to one file in the container, and to several in the source.
func (c *checker) joined(context.Context) error {
	return c.db.Each(joinedNames, nil, func(scan func(...any) error) error {
		var path, first []byte
		var blobName string
		if err := scan(&path, &blobName, &first); err != nil {
			return err
		}
		c.differs(string(path), blobName, "is one file with %q, in the source it is another", first)
		return nil
	})
}

// comparison compares a file's bytes with those on disk, in order. A nil
// comparison does nothing.
type comparison struct {
	c      *checker
	path   string
	object string
	file   *os.File
	size   uint64
	at     uint64 // everything before was compared, or could not be
	done   bool   // a difference was reported
	buf    []byte
}

// compareBytes begins a comparison of a regular file, nil if there is nothing to compare.
func (c *checker) compareBytes(n *tree.Node, at place) *comparison {
	if c.source == nil || c.options.Quick || !at.onDisk || n.Type() != clfs.TypeRegular {
		return nil
	}
	f, err := c.source.open(at.path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return nil // reported by compare
	case err != nil:
		c.differs(at.path, n.Blob, "in the source: %s", err)
		return nil
	}
	return &comparison{c: c, path: at.path, object: n.Blob, file: f, size: n.Inode.Attr.Size, buf: make([]byte, 64<<10)}
}

// add compares data at offset; gaps between calls are holes, which read as zeros.
func (m *comparison) add(offset uint64, data []byte) {
	if m == nil {
		return
	}
	m.hole(offset)
	for len(data) > 0 && !m.done {
		step := min(len(data), len(m.buf))
		m.step(data[:step])
		data = data[step:]
	}
}

var zeros [64 << 10]byte

func (m *comparison) hole(end uint64) {
	for m.at < end && !m.done {
		m.step(zeros[:min(end-m.at, uint64(len(zeros)))])
	}
}

func (m *comparison) step(data []byte) {
	n, err := m.file.ReadAt(m.buf[:len(data)], int64(m.at))
	if n < len(data) && !errors.Is(err, io.EOF) {
		m.report("in the source: %s", err)
		return
	}
	if !bytes.Equal(m.buf[:n], data[:n]) || n < len(data) {
		m.report("the bytes differ from the source's at or after offset %d", m.at)
		return
	}
	m.at += uint64(len(data))
}

// abandon ends the comparison of an unreadable file, which was already reported.
func (m *comparison) abandon() {
	if m != nil {
		m.done = true
	}
}

func (m *comparison) report(format string, args ...any) {
	m.done = true
	m.c.differs(m.path, m.object, format, args...)
}

func (m *comparison) finish() {
	if m != nil {
		m.hole(m.size)
	}
}

func (m *comparison) close() {
	if m != nil {
		_ = m.file.Close()
	}
}
