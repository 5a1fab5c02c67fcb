package exerciser

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Check compares all names, attributes and contents with the model.
func (e *Exerciser) Check() error {
	return e.explain(e.check())
}

func (e *Exerciser) check() error {
	numbers := map[uint64]*node{}
	for _, n := range e.nodes {
		if err := e.checkNode(n); err != nil {
			return err
		}
		if other := numbers[n.number]; other != nil {
			return fmt.Errorf("%s and %s have the same number %d", e.named(n), e.named(other), n.number)
		}
		numbers[n.number] = n
	}
	for _, h := range e.handles {
		if err := e.checkHandle(h); err != nil {
			return err
		}
	}
	return nil
}

// checkNode compares a node, by each of its names.
func (e *Exerciser) checkNode(n *node) error {
	paths := []string{e.root}
	if n != e.tree {
		paths = paths[:0]
		for _, p := range n.places {
			paths = append(paths, e.pathOf(p))
		}
	}
	for _, path := range paths {
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return e.wrong("lstat "+e.brief(path), err)
		}
		if err := e.compare(n, &st); err != nil {
			return fmt.Errorf("%s: %w", e.brief(path), err)
		}
	}
	switch n.kind {
	case unix.S_IFDIR:
		return e.listed(n)
	case unix.S_IFREG:
		return e.whole(n)
	case unix.S_IFLNK:
		target, err := os.Readlink(e.path(n))
		if err != nil {
			return e.wrong("readlink "+e.named(n), err)
		}
		if target != n.target {
			return fmt.Errorf("%s links to %q, not %q", e.named(n), target, n.target)
		}
	}
	return nil
}

// whole compares all bytes of a file that has a name.
func (e *Exerciser) whole(n *node) error {
	fd, err := unix.Open(e.path(n), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return e.wrong("open "+e.named(n), err)
	}
	defer unix.Close(fd)
	return e.matches(n, fd, 0, len(n.data)+1)
}

// checkHandle compares what is open, which may have no name.
func (e *Exerciser) checkHandle(h *handle) error {
	var st unix.Stat_t
	if err := unix.Fstat(h.fd, &st); err != nil {
		return e.wrong("fstat "+e.named(h.node), err)
	}
	if err := e.compare(h.node, &st); err != nil {
		return fmt.Errorf("%s, which is open: %w", e.named(h.node), err)
	}
	return e.matches(h.node, h.fd, 0, len(h.node.data)+1)
}

// listed compares the names in a directory, and their types.
func (e *Exerciser) listed(dir *node) error {
	entries, err := os.ReadDir(e.path(dir))
	if err != nil {
		return e.wrong("list "+e.named(dir), err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if want := slices.Sorted(maps.Keys(dir.children)); !slices.Equal(got, want) {
		return fmt.Errorf("%s has the entries %q, not %q", e.named(dir), got, want)
	}
	for _, entry := range entries {
		if mode := typeBits(entry.Type()); mode != dir.children[entry.Name()].kind {
			return fmt.Errorf("%s lists %q as of type %#o", e.named(dir), entry.Name(), mode)
		}
	}
	return nil
}

// typeBits are those of st_mode.
func typeBits(mode os.FileMode) uint32 {
	switch {
	case mode.IsDir():
		return unix.S_IFDIR
	case mode&os.ModeSymlink != 0:
		return unix.S_IFLNK
	case mode&os.ModeNamedPipe != 0:
		return unix.S_IFIFO
	case mode&os.ModeSocket != 0:
		return unix.S_IFSOCK
	case mode&os.ModeCharDevice != 0:
		return unix.S_IFCHR
	case mode&os.ModeDevice != 0:
		return unix.S_IFBLK
	}
	return unix.S_IFREG
}
