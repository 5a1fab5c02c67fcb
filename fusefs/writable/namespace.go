package writable

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/fusefs/writable/contents"
	"clfsload/state"
)

// Lookup finds a name. That there is none may be remembered too.
func (s *FS) Lookup(cancel <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if len(name) > maxName {
		return fuse.Status(syscall.ENAMETOOLONG)
	}
	dir := state.Ino(in.NodeId)
	if s.names.Missing(dir, []byte(name)) {
		out.EntryValid = forever
		return fuse.OK
	}
	err := s.partial.Find(caller(cancel, in), dir, []byte(name), func(n state.Node) { s.entry(n, out) })
	if errors.Is(err, state.ErrNoEntry) {
		out.EntryValid = forever
		return fuse.OK
	}
	return s.fail("lookup", dir, err)
}

// add makes a new node and fills in what is answered. With open set it is a
// file that is being written.
func (s *FS) add(cancel <-chan struct{}, in *fuse.InHeader, name string, a state.Addition, out *fuse.EntryOut) (state.Node, fuse.Status) {
	dir := state.Ino(in.NodeId)
	a.Dir, a.Name = dir, []byte(name)
	n, err := s.addNode(caller(cancel, in), a, in.Owner)
	if err != nil {
		return n, s.fail("create", dir, fmt.Errorf("%q: %w", name, err))
	}
	s.entry(n, out)
	return n, fuse.OK
}

func (s *FS) addNode(ctx context.Context, a state.Addition, owner fuse.Owner) (n state.Node, err error) {
	if len(a.Name) > maxName || len(a.Target) > maxTarget {
		return state.Node{}, errNameTooLong
	}
	parent, err := s.nodes.Get(s.ctx, a.Dir)
	if err != nil {
		return state.Node{}, err
	}
	own(&a.Attr, parent.Attr, owner)
	t := contents.Now()
	a.Attr.Mtime, a.Attr.Ctime, a.Attr.Atime = t, t, t
	s.names.Add(a.Dir, a.Name)
	err = s.partial.Retry(ctx, func() error {
		n, err = s.journal.Add(s.ctx, a)
		return err
	})
	if err != nil {
		return n, err
	}
	s.nodes.Changed(n)
	s.nodes.Entered(a.Dir, t, directoryCount(n))
	if n.IsDirectory() {
		s.names.Follow(n.Ino)
	}
	return n, nil
}

// own gives a new node its owner. In a directory with the setgid bit it has the
// directory's group, and a directory has the bit too.
func own(a *state.Attr, parent state.Attr, owner fuse.Owner) {
	a.UID, a.GID = owner.Uid, owner.Gid
	if parent.Mode&unix.S_ISGID != 0 {
		a.GID = parent.GID
		if a.Type == clfs.TypeDirectory {
			a.Mode |= unix.S_ISGID
		}
	}
}

// directoryCount is how many directories a node is: 1 or 0.
func directoryCount(n state.Node) int {
	if n.IsDirectory() {
		return 1
	}
	return 0
}

// Mkdir makes a directory.
func (s *FS) Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	a := state.Attr{Type: clfs.TypeDirectory, Mode: unix.S_IFDIR | in.Mode&0o7777}
	_, status := s.add(cancel, &in.InHeader, name, state.Addition{Attr: a}, out)
	return status
}

// Mknod makes a file, a device, a FIFO or a socket.
func (s *FS) Mknod(cancel <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	t, err := clfs.TypeOfMode(in.Mode)
	if err != nil || t == clfs.TypeDirectory || t == clfs.TypeSymlink {
		return fuse.EINVAL
	}
	a := state.Attr{Type: t, Mode: in.Mode}
	if t == clfs.TypeBlock || t == clfs.TypeChar {
		a.Rdev = uint64(in.Rdev)
	}
	_, status := s.add(cancel, &in.InHeader, name, state.Addition{Attr: a}, out)
	return status
}

// Symlink makes a symbolic link.
func (s *FS) Symlink(cancel <-chan struct{}, in *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	a := state.Attr{Type: clfs.TypeSymlink, Mode: unix.S_IFLNK | 0o777, Size: int64(len(target))}
	_, status := s.add(cancel, in, name, state.Addition{Attr: a, Target: []byte(target)}, out)
	return status
}

// Readlink returns the target of a symbolic link.
func (s *FS) Readlink(_ <-chan struct{}, in *fuse.InHeader) ([]byte, fuse.Status) {
	n, err := s.nodes.Get(s.ctx, state.Ino(in.NodeId))
	if err != nil {
		return nil, s.failNode("readlink", state.Ino(in.NodeId), err)
	}
	return n.Target, fuse.OK
}

// Link gives a node another name.
func (s *FS) Link(cancel <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	dir, ino := state.Ino(in.NodeId), state.Ino(in.Oldnodeid)
	if len(name) > maxName {
		return fuse.Status(syscall.ENAMETOOLONG)
	}
	s.names.Add(dir, []byte(name))
	t := contents.Now()
	var n state.Node
	err := s.partial.Retry(caller(cancel, &in.InHeader), func() (err error) {
		n, err = s.journal.Link(s.ctx, ino, dir, []byte(name), t)
		return err
	})
	if err != nil {
		return s.fail("link", ino, fmt.Errorf("as %q: %w", name, err))
	}
	s.nodes.Changed(n)
	s.nodes.Entered(dir, t, 0)
	defer s.partial.Pin()()
	s.entry(n, out)
	return fuse.OK
}

// Unlink removes a name of what is no directory.
func (s *FS) Unlink(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return s.remove(cancel, "unlink", in, name, s.journal.Unlink)
}

// Rmdir removes an empty directory.
func (s *FS) Rmdir(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return s.remove(cancel, "rmdir", in, name, s.journal.Rmdir)
}

type removal func(ctx context.Context, dir state.Ino, name []byte, now int64, inUse func(state.Ino) bool) (state.Node, error)

func (s *FS) remove(cancel <-chan struct{}, operation string, in *fuse.InHeader, name string, remove removal) fuse.Status {
	dir := state.Ino(in.NodeId)
	t := contents.Now()
	var n state.Node
	err := s.partial.Retry(caller(cancel, in), func() (err error) {
		n, err = remove(s.ctx, dir, []byte(name), t, s.inUse)
		return err
	})
	if err != nil {
		return s.fail(operation, dir, fmt.Errorf("%q: %w", name, err))
	}
	s.nodes.Changed(n)
	s.nodes.Entered(dir, t, -directoryCount(n))
	s.reaper.Unnamed(n)
	return fuse.OK
}

// Rename moves a name, over another one if there is one.
func (s *FS) Rename(cancel <-chan struct{}, in *fuse.RenameIn, name, newName string) fuse.Status {
	if len(newName) > maxName {
		return fuse.Status(syscall.ENAMETOOLONG)
	}
	if in.Flags&^(unix.RENAME_NOREPLACE|unix.RENAME_EXCHANGE) != 0 {
		return fuse.EINVAL
	}
	from, to := state.Ino(in.NodeId), state.Ino(in.Newdir)
	s.names.Add(to, []byte(newName))
	t := contents.Now()
	r := state.Rename{
		From: from, Name: []byte(name), To: to, NewName: []byte(newName),
		NoReplace: in.Flags&unix.RENAME_NOREPLACE != 0, Exchange: in.Flags&unix.RENAME_EXCHANGE != 0,
		Now: t, InUse: s.inUse,
	}
	var moved state.Node
	var replaced *state.Node
	err := s.partial.Retry(caller(cancel, &in.InHeader), func() (err error) {
		moved, replaced, err = s.journal.Rename(s.ctx, r)
		return err
	})
	if err != nil {
		return s.fail("rename", from, fmt.Errorf("%q to %q: %w", name, newName, err))
	}
	s.renamed(moved, t, from, to)
	if replaced != nil {
		s.renamed(*replaced, t, from, to)
		s.reaper.Unnamed(*replaced)
	}
	return fuse.OK
}

// renamed tells what a rename has made of a node that it moved or replaced.
func (s *FS) renamed(n state.Node, at int64, from, to state.Ino) {
	s.nodes.Changed(n)
	for _, dir := range []state.Ino{from, to} {
		if n.IsDirectory() {
			s.nodes.Invalidate(dir) // its links may have changed
		} else {
			s.nodes.Entered(dir, at, 0)
		}
	}
}
