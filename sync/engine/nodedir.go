package engine

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/state"
)

// form is which entries of a directory are put.
type form int

const (
	whole  form = iota // as the snapshot has it
	union              // with what was moved from it as well; it is to be put again
	parted             // a union without the members of circles
)

// directory puts a directory.
func (p *publication) directory(ctx context.Context, n state.Node, f form) error {
	path := p.pathOf(ctx, n)
	if err := p.putNodeDirectory(ctx, path, n, f); err != nil {
		return fmt.Errorf("put directory %q: %w", path(), err)
	}
	atomic.AddInt64(&p.report.Directories, 1)
	return nil
}

// largeDirectory is about what a directory with further segments takes while it is
// put: a segment, as it is, encoded and compressed, and a page of entries.
const largeDirectory = 2 << 20

func (p *publication) putNodeDirectory(ctx context.Context, path pathOf, n state.Node, f form) error {
	parent, err := p.snap.BackPointers(ctx, n)
	if err != nil {
		return err
	}
	e, err := p.entries(ctx, n.Ino, f)
	if err != nil {
		return err
	}
	blocks, err := e.blocks(ctx, n.ID, parent[0])
	if err != nil {
		return err
	}
	if blocks > 1 {
		// Many large directories at a time take memory that counts.
		g, err := p.budget.acquire(ctx, largeDirectory)
		if err != nil {
			return err
		}
		defer g.release()
		// No segment is put that the journal does not know of.
		if n, err = p.journal.Reserve(ctx, n, blocks); err != nil {
			return err
		}
	}
	l := p.newListing(ctx, n.ID, n.Next, n.Attr)
	if err := l.addDots(ctx, parent[0]); err != nil {
		return err
	}
	left := 0
	err = e.each(ctx, func(page []state.SnapshotChild) error {
		skipped, err := l.addChildren(ctx, page)
		left += skipped
		return err
	})
	if err != nil {
		return err
	}
	o, err := l.finish(ctx, p.attr(path, n.Inode, n.Attr), n.Name)
	if err != nil {
		return err
	}
	first := n.PutSeq == 0 && n.Ino != state.RootIno && !p.isUnion(n)
	name := clfs.ObjectName(n.ID, parent[0], clfs.TypeDirectory, n.Version)
	if err := p.putListing(ctx, name, o, !first, l.segment > 0); err != nil {
		return err
	}
	p.add(&state.Put{Node: n, Owner: parent[0].Hash(), Blocks: l.segment + 1, Final: f == whole,
		Complete: left == 0, First: first})
	if f != whole {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.unions[n.Ino] = n.AfterUnion()
	}
	return nil
}

// nodeEntries are the entries of a directory in a snapshot, in pages. The first
// page is kept: that of most directories is the only one.
type nodeEntries struct {
	snap    *state.Snapshot
	dir     state.Ino
	without map[state.Ino]bool // what is not listed
	first   []state.SnapshotChild
	moved   []state.SnapshotChild // what is listed beside them
}

func (p *publication) entries(ctx context.Context, dir state.Ino, f form) (*nodeEntries, error) {
	e := &nodeEntries{snap: p.snap, dir: dir}
	if f == parted {
		e.without = p.circles.Members
	}
	var err error
	if f != whole {
		if e.moved, err = p.snap.MovedOut(ctx, dir); err != nil {
			return nil, err
		}
		if dir == state.RootIno {
			e.moved = append(e.moved, p.stands...)
		}
	}
	e.first, err = p.snap.Children(ctx, dir, nil, childrenPage)
	return e, err
}

func (e *nodeEntries) each(ctx context.Context, fn func([]state.SnapshotChild) error) error {
	page := e.first
	for {
		if err := fn(e.kept(page)); err != nil {
			return err
		}
		if len(page) < childrenPage {
			break
		}
		var err error
		if page, err = e.snap.Children(ctx, e.dir, page[len(page)-1].Name, childrenPage); err != nil {
			return err
		}
	}
	return fn(e.kept(e.moved))
}

// kept leaves out what is not to be listed.
func (e *nodeEntries) kept(page []state.SnapshotChild) []state.SnapshotChild {
	if len(e.without) == 0 {
		return page
	}
	return slices.DeleteFunc(slices.Clone(page), func(c state.SnapshotChild) bool { return e.without[c.Ino] })
}

// blocks counts the segments that the directory has, with the first.
func (e *nodeEntries) blocks(ctx context.Context, id, parent clfs.ID) (uint64, error) {
	used := clfs.DirentSize(len("."), len(id)) + clfs.DirentSize(len(".."), len(parent))
	blocks := uint64(1)
	err := e.each(ctx, func(page []state.SnapshotChild) error {
		for _, c := range page {
			if !listed(c) {
				continue
			}
			size := clfs.DirentSize(len(c.Name), len(c.ID))
			if !clfs.DirentFits(blocks == 1, used, size) {
				blocks++
				used = 0
			}
			used += size
		}
		return nil
	})
	return blocks, err
}

// listed tells whether an entry is in the container. All directories are by the
// time when something leads to the one that lists them.
func listed(c state.SnapshotChild) bool { return c.Put || c.Type == clfs.TypeDirectory }

// addChildren adds what is in the container and returns how many entries are not.
func (l *listing) addChildren(ctx context.Context, page []state.SnapshotChild) (left int, err error) {
	for _, c := range page {
		if !listed(c) {
			left++
			continue
		}
		if c.Former {
			left++ // what has the name now is not
		}
		if c.Type == clfs.TypeDirectory {
			l.subdirs++
		}
		if err := l.add(ctx, c.Name, c.ID); err != nil {
			return left, err
		}
	}
	return left, nil
}
