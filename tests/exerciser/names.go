package exerciser

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// made is a node that a call in dir makes.
func (e *Exerciser) made(dir *node, kind, mode uint32) *node {
	n := &node{kind: kind, mode: mode &^ e.umask}
	if dir.mode&unix.S_ISGID != 0 {
		n.gid = dir.gid
		if n.isDir() {
			n.mode |= unix.S_ISGID
		}
	}
	switch kind {
	case unix.S_IFDIR:
		n.children = map[string]*node{}
	case unix.S_IFLNK:
		n.mode = 0o777
	}
	return n
}

// birth is a change that gives p a new node.
func (e *Exerciser) birth(what string, p place, n *node, call func() error) error {
	c := change{what: what, call: call, apply: func() { e.add(p, n) }, touched: []touch{{n, contents}, {p.dir, contents}}}
	if p.at() != nil {
		c.want = unix.EEXIST
	}
	return e.change(c)
}

// mode is a random one.
func (e *Exerciser) mode() uint32 {
	modes := []uint32{0o644, 0o600, 0o755, 0o700, 0o000, 0o777, 0o4755, 0o2755, 0o2644, 0o1777, 0o6711}
	return modes[e.random.IntN(len(modes))]
}

// limit is what a new file may grow to.
func (e *Exerciser) limit() int {
	large := 0
	for _, n := range e.nodes {
		if n.limit > e.options.Small {
			large++
		}
	}
	if large < 4 && e.random.IntN(6) == 0 {
		return e.options.Large
	}
	return e.options.Small
}

// create makes a file, and holds it open.
func (e *Exerciser) create() error {
	if len(e.handles) >= mostOpen {
		return e.close()
	}
	p, mode := e.anywhere(), e.mode()&0o777
	n := e.made(p.dir, unix.S_IFREG, mode)
	n.limit = e.limit()
	h := &handle{node: n, path: e.pathOf(p), writable: true}
	flags := unix.O_CREAT | unix.O_EXCL | unix.O_RDWR
	if e.random.IntN(4) == 0 {
		h.appends, flags = true, flags|unix.O_APPEND
	}
	return e.birth(fmt.Sprintf("create %s %#o", e.short(p), mode), p, n, func() error {
		return e.opened(h, flags, mode)
	})
}

func (e *Exerciser) mkdir() error {
	p, mode := e.anywhere(), e.mode()&0o1777
	n := e.made(p.dir, unix.S_IFDIR, mode)
	return e.birth(fmt.Sprintf("mkdir %s %#o", e.short(p), mode), p, n, func() error {
		return unix.Mkdir(e.pathOf(p), mode)
	})
}

func (e *Exerciser) symlink() error {
	p := e.anywhere()
	n := e.made(p.dir, unix.S_IFLNK, 0o777)
	n.target = strings.Repeat("t/", e.random.IntN(511)) + "o"
	return e.birth(fmt.Sprintf("symlink %s of %d bytes", e.short(p), len(n.target)), p, n, func() error {
		return unix.Symlink(n.target, e.pathOf(p))
	})
}

func (e *Exerciser) mknod() error {
	p := e.anywhere()
	kinds := []uint32{unix.S_IFIFO, unix.S_IFSOCK, unix.S_IFCHR, unix.S_IFBLK, unix.S_IFREG}
	n := e.made(p.dir, kinds[e.random.IntN(len(kinds))], e.mode()&0o777)
	if n.kind == unix.S_IFCHR || n.kind == unix.S_IFBLK {
		n.rdev = unix.Mkdev(uint32(e.random.IntN(300)), uint32(e.random.IntN(70_000)))
	}
	n.limit = e.options.Small
	mode := n.mode
	return e.birth(fmt.Sprintf("mknod %s %#o %#x", e.short(p), n.kind|mode, n.rdev), p, n, func() error {
		return unix.Mknod(e.pathOf(p), n.kind|mode, int(n.rdev))
	})
}

func (e *Exerciser) link() error {
	from, to := e.somewhere(notDir), e.anywhere()
	n := from.at()
	c := change{
		what:  fmt.Sprintf("link %s to %s", e.short(from), e.short(to)),
		call:  func() error { return unix.Link(e.pathOf(from), e.pathOf(to)) },
		apply: func() { e.add(to, n) },
	}
	switch {
	case n == nil:
		c.want = unix.ENOENT
	case to.at() != nil:
		c.want = unix.EEXIST
	case n.isDir():
		c.want = unix.EPERM
	}
	c.touched = []touch{{n, attributes}, {to.dir, contents}}
	return e.change(c)
}

func (e *Exerciser) unlink() error {
	p := e.somewhere(notDir)
	n := p.at()
	c := change{
		what:    fmt.Sprintf("unlink %s", e.short(p)),
		call:    func() error { return unix.Unlink(e.pathOf(p)) },
		apply:   func() { e.take(p) },
		touched: []touch{{n, attributes}, {p.dir, contents}},
	}
	switch {
	case n == nil:
		c.want = unix.ENOENT
	case n.isDir():
		c.want = unix.EISDIR
	}
	return e.change(c)
}

func (e *Exerciser) rmdir() error {
	p := e.somewhere((*node).isDir)
	n := p.at()
	c := change{
		what:    fmt.Sprintf("rmdir %s", e.short(p)),
		call:    func() error { return unix.Rmdir(e.pathOf(p)) },
		apply:   func() { e.take(p) },
		touched: []touch{{p.dir, contents}},
	}
	switch {
	case n == nil:
		c.want = unix.ENOENT
	case !n.isDir():
		c.want = unix.ENOTDIR
	case len(n.children) > 0:
		c.want = unix.ENOTEMPTY
	}
	return e.change(c)
}

func (e *Exerciser) rename() error {
	from, to := e.somewhere(anything), e.somewhere(anything)
	if e.random.IntN(3) == 0 || to.dir.depth() >= deepest {
		to = e.anywhere()
	}
	flags := []uint{0, 0, 0, unix.RENAME_NOREPLACE, unix.RENAME_EXCHANGE}[e.random.IntN(5)]
	c := change{
		what: fmt.Sprintf("rename %s to %s, flags %d", e.short(from), e.short(to), flags),
		want: renameFails(from, to, flags),
		call: func() error {
			return unix.Renameat2(unix.AT_FDCWD, e.pathOf(from), unix.AT_FDCWD, e.pathOf(to), flags)
		},
	}
	if source, target := from.at(), to.at(); c.want == nil && source != target {
		c.touched = []touch{{from.dir, contents}, {to.dir, contents}, {source, renamed}}
		if target != nil {
			c.touched = append(c.touched, touch{target, renamed})
		}
	}
	c.apply = func() { e.moved(from, to, flags) }
	return e.change(c)
}

// renameFails is the errno that a rename must fail with, in the order in which
// Linux looks.
func renameFails(from, to place, flags uint) error {
	source, target := from.at(), to.at()
	exchange := flags == unix.RENAME_EXCHANGE
	switch {
	case source == nil:
		return unix.ENOENT
	case target != nil && flags == unix.RENAME_NOREPLACE:
		return unix.EEXIST
	case target == nil && exchange:
		return unix.ENOENT
	case source.isDir() && to.dir.within(source):
		return unix.EINVAL
	case target == nil || source == target:
		return nil
	case target.isDir() && from.dir.within(target) && exchange:
		return unix.EINVAL
	case target.isDir() && from.dir.within(target):
		return unix.ENOTEMPTY
	case exchange:
		return nil
	case source.isDir() && !target.isDir():
		return unix.ENOTDIR
	case !source.isDir() && target.isDir():
		return unix.EISDIR
	case target.isDir() && len(target.children) > 0:
		return unix.ENOTEMPTY
	}
	return nil
}

// moved is what a rename does.
func (e *Exerciser) moved(from, to place, flags uint) {
	source, target := from.at(), to.at()
	if source == target {
		return
	}
	e.take(from)
	if target != nil {
		e.take(to)
	}
	e.add(to, source)
	if flags == unix.RENAME_EXCHANGE {
		e.add(from, target)
	}
}
