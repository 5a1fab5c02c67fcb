package verify

import (
	"context"
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/tree"
)

// directory is the state of a directory during the walk.
type directory struct {
	entries int64        // seen so far, the dots too
	names   tree.NameSet // with a source only
	segment uint64       // the number of the segment that is being read
	room    int          // bytes left in it
	size    uint64       // the expected value of the attributes
	unread  atomic.Bool  // a part of it cannot be read
}

func stateOf(d *tree.Dir) *directory { return d.Value.(*directory) }

func (c *checker) enter(_ context.Context, d *tree.Dir) (bool, error) {
	raw := len(d.Node.Inode.Dirents)
	d.Value = &directory{names: tree.NameSet{TempDir: c.t.TempDir()}, size: uint64(raw) + 4, room: clfs.FirstDirentBytes - raw}
	c.segmentSize(d, tree.DirSegment{Blob: d.Node.Blob, Raw: d.Node.Inode.Dirents})
	return true, nil
}

// dirent checks an entry in its directory. [tree.Tree.DirSegments] checks most of it.
func (c *checker) dirent(d *tree.Dir, s tree.DirSegment, e object.Dirent) error {
	state := stateOf(d)
	if s.Number != state.segment {
		c.nextSegment(d, s, e)
	}
	if state.entries == 1 {
		c.parent(d, e)
	}
	state.entries++
	if c.source == nil || string(e.Name) == "." || string(e.Name) == ".." {
		return nil
	}
	return state.names.Add(e.Name)
}

// parent checks that "..", which is the second entry, leads to the parent directory.
func (c *checker) parent(d *tree.Dir, e object.Dirent) {
	parent := d.Parent
	if d.Node.ID == clfs.RootID {
		parent = clfs.RootID
	}
	if string(e.Name) == ".." && e.ID != parent {
		c.find(c.moves(), KindDots, d.Path, d.Node.Blob, "%q leads to %s, must lead to %s", e.Name, e.ID, parent)
	}
}

// nextSegment checks that the segment before was filled as far as possible.
func (c *checker) nextSegment(d *tree.Dir, s tree.DirSegment, first object.Dirent) {
	state := stateOf(d)
	if object.DirentSize(len(first.Name), len(first.ID)) <= state.room {
		c.remark(KindDirectory, d.Path, s.Blob, "the segment before has room for the first entry of this one")
	}
	state.segment = s.Number
	state.room = clfs.DirSegmentBytes - len(s.Raw)
	state.size += uint64(len(s.Raw)) + 4
	c.segmentSize(d, s)
}

func (c *checker) segmentSize(d *tree.Dir, s tree.DirSegment) {
	limit, harmless := clfs.DirSegmentBytes, false
	if s.Number == 0 {
		limit, harmless = clfs.FirstDirentBytes, c.origin.rewrote(d.Node.Name) && len(s.Raw) <= clfs.FirstSegmentBytes
	}
	if len(s.Raw) > limit {
		c.find(severityIf(harmless), KindDirectory, d.Path, s.Blob, "%d bytes of entries in a segment of at most %d", len(s.Raw), limit)
	}
}

func (c *checker) lost(d *tree.Dir, err error) error {
	stateOf(d).unread.Store(true)
	return c.reading(d.Path, err)
}

// leave remarks the size that CLFSLoad gives to a directory, and looks for entries that only the
// source has.
func (c *checker) leave(ctx context.Context, d *tree.Dir) error {
	state, a := stateOf(d), d.Node.Inode.Attr
	defer state.names.Close()
	if a.Size != state.size && !state.unread.Load() && c.origin.rewrote(d.Node.Name) {
		c.remark(KindSize, d.Path, d.Node.Blob, "the size is %d, as CLFSLoad has it; with its entries it must be %d", a.Size, state.size)
	}
	if c.source == nil {
		return nil
	}
	return c.extraOnDisk(ctx, d)
}
