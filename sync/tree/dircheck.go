package tree

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// dirCheck reads the segments of one directory as they arrive, and finds damage that only shows in
// the whole directory.
type dirCheck struct {
	t           *Tree
	n           *Node
	names       NameSet
	entries     int
	size        uint64 // the expected value of the attributes
	directories uint32 // entries whose filehandle is that of a directory
	opaque      bool   // an entry's id does not contain its type
	unread      bool   // a part of the directory cannot be read
	found       []error
}

func (t *Tree) newDirCheck(n *Node) *dirCheck {
	return &dirCheck{t: t, n: n, names: NameSet{TempDir: t.options.TempDir}}
}

// bad records damage that hides no entry.
func (c *dirCheck) bad(kind Kind, format string, args ...any) {
	d := damagef(kind, c.n.Blob, format, args...)
	d.Whole = true
	c.found = append(c.found, d)
}

// segment takes a segment, or the fact that one cannot be read. The error is about the temporary
// database.
func (c *dirCheck) segment(s DirSegment, err error) error {
	if err != nil {
		c.unread = true
		return nil
	}
	c.size += uint64(len(s.Raw)) + 4
	for e, err := range object.Dirents(s.Raw) {
		if err != nil {
			c.unread = true // the reader of the entries reports it
			return nil
		}
		if err := c.entry(e); err != nil {
			return err
		}
	}
	return nil
}

func (c *dirCheck) entry(e object.Dirent) error {
	position := c.entries
	c.entries++
	if c.dots(position, e) || isDot(e.Name) {
		return nil
	}
	h, err := clfs.ParseHandle(e.ID)
	switch {
	case err != nil:
		c.opaque = true
	case h.Type == clfs.TypeDirectory:
		c.directories++
	}
	return c.names.Add(e.Name)
}

// dots checks that "." and ".." are only the first two entries, and reports whether this is the
// place of one of them.
func (c *dirCheck) dots(position int, e object.Dirent) bool {
	name, want := string(e.Name), [...]string{".", ".."}
	switch {
	case position >= len(want) && isDot(e.Name):
		c.bad(KindDots, "entry %d is %q", position+1, name)
	case position >= len(want):
		return false
	case name != want[position]:
		c.bad(KindDots, "entry %d is %q, must be %q", position+1, name, want[position])
		return false
	case position == 0 && e.ID != c.n.ID:
		c.bad(KindDots, "%q leads to %s, must lead to %s", name, e.ID, c.n.ID)
	}
	return true
}

// finish returns the damage.
func (c *dirCheck) finish(ctx context.Context) ([]error, error) {
	defer c.names.Close()
	suspects, err := c.names.Repeated()
	if err == nil && len(suspects) > 0 {
		err = c.duplicates(ctx, suspects)
	}
	if err != nil {
		return nil, fmt.Errorf("check directory %s: %w", c.n.Blob, err)
	}
	if !c.unread {
		c.totals(ctx)
	}
	return c.found, nil
}

func (c *dirCheck) totals(ctx context.Context) {
	a := c.n.Inode.Attr
	if c.entries < 2 {
		c.bad(KindDots, "the directory has %d entries, not even both dots", c.entries)
	}
	if want := 2 + c.directories; a.Nlink != want && !c.opaque {
		c.bad(KindLinkCount, "link count %d, with its subdirectories it must be %d", a.Nlink, want)
	}
	if a.Size == c.size || c.n.Version > clfs.FirstVersion && c.t.finishedByCLFSLoad(ctx) {
		return
	}
	c.bad(KindSize, "the size is %d, with its entries it must be %d", a.Size, c.size)
	if a.Size > c.size {
		c.found[len(c.found)-1].(*Damage).Whole = false
	}
}

// duplicates finds the names that the directory has twice. The hashes only show where to look.
func (c *dirCheck) duplicates(ctx context.Context, suspects map[uint64]bool) error {
	seen := map[string]int{}
	for s, err := range c.t.dirSegments(ctx, c.n) {
		if err != nil {
			continue // it was reported
		}
		for e, err := range object.Dirents(s.Raw) {
			if err == nil && !isDot(e.Name) && suspects[clfs.Hash64(e.Name)] {
				seen[string(e.Name)]++
			}
		}
	}
	for name, n := range seen {
		if n > 1 {
			c.bad(KindDuplicate, "the directory has the name %q %d times", name, n)
		}
	}
	return ctx.Err()
}

// finishedByCLFSLoad reports whether CLFSLoad wrote the container. If CLFSLoad writes a directory
// again, it has the source's size (docs/clfs-format.md section 8).
func (t *Tree) finishedByCLFSLoad(ctx context.Context) bool {
	if known := t.clfsLoad.Load(); known != nil {
		return *known
	}
	b, _, err := t.Bucket(ctx)
	return err == nil && b.FinishedByCLFSLoad()
}
