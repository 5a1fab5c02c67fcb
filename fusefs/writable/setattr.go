package writable

import (
	"errors"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
	"clfsload/fusefs/writable/contents"
	"clfsload/state"
)

// SetAttr changes mode, owner, times or size.
func (s *FS) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	ino := state.Ino(in.NodeId)
	if size, ok := in.GetSize(); ok {
		if err := s.setSize(cancel, &in.InHeader, size); err != nil {
			return s.failNode("truncate", ino, err)
		}
	}
	n, err := s.setAttributes(ino, in)
	if err != nil {
		return s.failNode("setattr", ino, err)
	}
	out.AttrValid = forever
	s.attributes(n, &out.Attr)
	return fuse.OK
}

// setAttributes changes what is not the size.
func (s *FS) setAttributes(ino state.Ino, in *fuse.SetAttrIn) (state.Node, error) {
	c := changeOf(in)
	if c == (state.Change{}) {
		return s.nodes.Get(s.ctx, ino)
	}
	c.Ctime = contents.Now()
	before, err := s.nodes.Get(s.ctx, ino)
	if err != nil {
		return before, err
	}
	if c.Mode != nil {
		*c.Mode |= before.Attr.Type.ModeBits()
	}
	f := s.files.Find(ino)
	if f == nil || c.Mtime == nil {
		return s.change(ino, c)
	}
	var n state.Node
	err = f.ChangeModified(*c.Mtime, func() error {
		n, err = s.change(ino, c)
		return err
	})
	return n, err
}

func (s *FS) change(ino state.Ino, c state.Change) (state.Node, error) {
	var n state.Node
	err := s.partial.Retry(s.ctx, func() (err error) {
		n, err = s.journal.SetAttr(s.ctx, ino, c)
		return err
	})
	if err == nil {
		s.nodes.Changed(n)
	}
	return n, err
}

// changeOf takes from a request what it changes beside the size.
func changeOf(in *fuse.SetAttrIn) (c state.Change) {
	if mode, ok := in.GetMode(); ok {
		c.Mode = &mode
	}
	if uid, ok := in.GetUID(); ok {
		c.UID = &uid
	}
	if gid, ok := in.GetGID(); ok {
		c.GID = &gid
	}
	if in.Valid&fuse.FATTR_MTIME != 0 {
		c.Mtime = timeOf(in.Mtime, in.Mtimensec, in.Valid&fuse.FATTR_MTIME_NOW != 0)
	}
	if in.Valid&fuse.FATTR_ATIME != 0 {
		c.Atime = timeOf(in.Atime, in.Atimensec, in.Valid&fuse.FATTR_ATIME_NOW != 0)
	}
	return c
}

// timeOf is a time as the journal has it. One that CLFS cannot hold becomes the nearest
// that it can, at once: so stat shows what will be published.
func timeOf(sec uint64, nsec uint32, isNow bool) *int64 {
	t := contents.Now()
	if !isNow {
		held, _ := clfs.NewTime(int64(sec), int64(nsec))
		t = state.Nanoseconds(int64(held.Sec), int64(held.Nsec))
	}
	return &t
}

// setSize truncates a file, or lets it grow by a hole.
func (s *FS) setSize(cancel <-chan struct{}, in *fuse.InHeader, size uint64) error {
	ino := state.Ino(in.NodeId)
	n, err := s.nodes.Get(s.ctx, ino)
	if err != nil {
		return err
	}
	if n.Attr.Type != clfs.TypeRegular {
		return contents.ErrWrongKind
	}
	if size > uint64(s.options.MaxFileSize) {
		return contents.ErrTooBig
	}
	f := s.files.Acquire(ino)
	err = f.Resize(caller(cancel, in), int64(size))
	return errors.Join(err, s.endAndRelease(f))
}
