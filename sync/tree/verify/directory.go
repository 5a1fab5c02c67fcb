package verify

import (
	"context"
	"fmt"
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/sync/tree"
)

// directory is what is known of a directory that the walk is in.
type directory struct {
	entries        int64 // seen so far, the dots too
	names          nameSet
	segment        uint64 // the number of the segment that is being read
	room           int    // bytes left in it
	size           uint64 // as the attributes must have it
	subdirectories atomic.Int64
	unread         atomic.Bool // a part of it, or an inode that it leads to, cannot be read
}

func stateOf(d *tree.Dir) *directory { return d.Value.(*directory) }

func (c *checker) enter(_ context.Context, d *tree.Dir) (bool, error) {
	raw := len(d.Node.Inode.Dirents)
	d.Value = &directory{names: nameSet{db: c.db}, size: uint64(raw) + 4, room: clfs.FirstDirentBytes - raw}
	c.segmentSize(d, tree.DirSegment{Blob: d.Node.Blob, Raw: d.Node.Inode.Dirents})
	return true, nil
}

// dirent checks an entry as it stands in its directory.
func (c *checker) dirent(d *tree.Dir, s tree.DirSegment, e clfs.Dirent) error {
	state := stateOf(d)
	if s.Number != state.segment {
		c.nextSegment(d, s, e)
	}
	c.dots(d, state.entries, e)
	state.entries++
	if string(e.Name) == "." || string(e.Name) == ".." {
		return nil
	}
	return state.names.add(e.Name)
}

// nextSegment checks that the segment before was filled as far as possible.
func (c *checker) nextSegment(d *tree.Dir, s tree.DirSegment, first clfs.Dirent) {
	state := stateOf(d)
	if clfs.DirentSize(len(first.Name), len(first.ID)) <= state.room {
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

// dots checks that "." and ".." are the first two entries, lead where they
// must, and do not come again.
func (c *checker) dots(d *tree.Dir, position int64, e clfs.Dirent) {
	parent := d.Parent
	if d.Node.ID == clfs.RootID {
		parent = clfs.RootID
	}
	name := string(e.Name)
	want, id := "", clfs.ID("")
	switch position {
	case 0:
		want, id = ".", d.Node.ID
	case 1:
		want, id = "..", parent
	}
	switch {
	case want == "" && (name == "." || name == ".."):
		c.damage(KindDots, d.Path, d.Node.Blob, "entry %d is %q", position+1, name)
	case want != "" && name != want:
		c.damage(KindDots, d.Path, d.Node.Blob, "entry %d is %q, must be %q", position+1, name, want)
	case want != "" && e.ID != id:
		c.damage(KindDots, d.Path, d.Node.Blob, "%q leads to %s, must lead to %s", name, e.ID, id)
	}
}

func (c *checker) lost(d *tree.Dir, err error) error {
	stateOf(d).unread.Store(true)
	return c.reading(d.Path, err)
}

// leave checks what only the whole directory tells.
func (c *checker) leave(ctx context.Context, d *tree.Dir) error {
	state := stateOf(d)
	defer state.names.close()
	if err := c.duplicates(ctx, d); err != nil {
		return err
	}
	if !state.unread.Load() {
		c.totals(d)
	}
	if c.source == nil {
		return nil
	}
	return c.extraOnDisk(ctx, d)
}

func (c *checker) totals(d *tree.Dir) {
	state, a := stateOf(d), d.Node.Inode.Attr
	if state.entries < 2 {
		c.damage(KindDots, d.Path, d.Node.Blob, "the directory has %d entries, not even both dots", state.entries)
	}
	if want := 2 + state.subdirectories.Load(); int64(a.Nlink) != want {
		c.damage(KindLinkCount, d.Path, d.Node.Blob, "link count %d, with its subdirectories it must be %d", a.Nlink, want)
	}
	if a.Size != state.size {
		c.find(severityIf(c.origin.rewrote(d.Node.Name)), KindSize, d.Path, d.Node.Blob, "the size is %d, with its entries it must be %d", a.Size, state.size)
	}
}

// duplicates reports names that the directory has twice. The set of hashes only
// says where to look.
func (c *checker) duplicates(ctx context.Context, d *tree.Dir) error {
	suspects, err := stateOf(d).names.repeated()
	if err != nil || len(suspects) == 0 {
		return err
	}
	seen := map[string]int{}
	for e, err := range c.t.Entries(ctx, d.Node) {
		if err == nil && suspects[clfs.Hash64(e.Name)] {
			seen[string(e.Name)]++
		}
	}
	for name, n := range seen {
		if n > 1 {
			c.damage(KindDuplicate, d.Join(name), d.Node.Blob, "the directory has this name %d times", n)
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("read directory %s: %w", d.Path, err)
	}
	return nil
}
