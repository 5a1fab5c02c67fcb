package exerciser

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// handleOf is an open file of n, or nil.
func (e *Exerciser) handleOf(n *node, fits func(*handle) bool) *handle {
	for _, h := range e.handles {
		if h.node == n && fits(h) {
			return h
		}
	}
	return nil
}

func (e *Exerciser) chmod() error {
	n, mode := e.some(notSymlink), e.mode()
	what, call := "chmod", func() error { return unix.Chmod(e.path(n), mode) }
	if h := e.handleOf(n, func(*handle) bool { return e.random.IntN(2) == 0 }); h != nil {
		what, call = "fchmod", func() error { return unix.Fchmod(h.fd, mode) }
	}
	return e.change(change{
		what:    fmt.Sprintf("%s %s %#o", what, e.named(n), mode),
		call:    call,
		apply:   func() { n.mode = mode },
		touched: []touch{{n, attributes}},
	})
}

func (e *Exerciser) chown() error {
	n := e.some(anything)
	uid, gid := uint32(e.random.IntN(70_000)), uint32(e.random.IntN(70_000))
	return e.change(change{
		what:    fmt.Sprintf("chown %s %d:%d", e.named(n), uid, gid),
		call:    func() error { return unix.Lchown(e.path(n), int(uid), int(gid)) },
		apply:   func() { n.uid, n.gid, n.mode = uid, gid, modeOfChown(n) },
		touched: []touch{{n, attributes}},
	})
}

// modeOfChown: a new owner does not inherit what the old one let others do.
func modeOfChown(n *node) uint32 {
	mode := n.mode
	if n.isDir() {
		return mode
	}
	mode &^= unix.S_ISUID
	if mode&unix.S_IXGRP != 0 {
		mode &^= unix.S_ISGID
	}
	return mode
}

// utimes sets both times, and looks whether the atime is taken, which is not
// followed further, since reading may change it.
func (e *Exerciser) utimes() error {
	n := e.some(anything)
	const last = 4_294_967_295 // s; the format's
	time := func() unix.Timespec {
		return unix.Timespec{Sec: e.random.Int64N(last), Nsec: e.random.Int64N(1_000_000_000)}
	}
	times := []unix.Timespec{time(), time()}
	err := e.change(change{
		what: fmt.Sprintf("utimens %s %v", e.named(n), times),
		call: func() error {
			return unix.UtimesNanoAt(unix.AT_FDCWD, e.path(n), times, unix.AT_SYMLINK_NOFOLLOW)
		},
		apply:   func() { n.mtime = times[1].Nano() },
		touched: []touch{{n, attributes}},
	})
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(e.path(n), &st); err != nil {
		return e.wrong("lstat "+e.named(n), err)
	}
	if st.Atim != times[0] {
		return fmt.Errorf("atime of %s is %v, not %v", e.named(n), st.Atim, times[0])
	}
	return nil
}

// sync makes one thing durable.
func (e *Exerciser) sync() error {
	n := e.some(func(n *node) bool { return n.isDir() || n.isRegular() })
	e.note("fsync %s", e.named(n))
	fd, err := unix.Open(e.path(n), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return e.wrong("open "+e.named(n), err)
	}
	defer unix.Close(fd)
	if err := e.intercept(func() error { return unix.Fsync(fd) }); err != nil {
		return e.wrong("fsync "+e.named(n), err)
	}
	return nil
}
