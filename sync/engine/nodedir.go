package engine

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/engine/publish"
)

// directory puts a directory.
func (p *publication) directory(ctx context.Context, s publish.Step) error {
	path := p.pathOf(ctx, s.Node)
	if err := p.putNodeDirectory(ctx, path, s); err != nil {
		return fmt.Errorf("put directory %q: %w", path(), err)
	}
	atomic.AddInt64(&p.report.Directories, 1)
	return nil
}

// largeDirectory is about what a directory with further segments takes while it is
// put: a segment, as it is, encoded and compressed, and a page of entries.
const largeDirectory = 2 << 20

func (p *publication) putNodeDirectory(ctx context.Context, path pathOf, s publish.Step) error {
	n := s.Node
	parent, err := p.snap.BackPointers(ctx, n)
	if err != nil {
		return err
	}
	entries := publish.Listing(ctx, &rereadRows{Snapshot: p.snap}, s)
	blocks, err := countSegments(entries, n.ID, parent[0])
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
	left, err := l.addEntries(ctx, entries)
	if err != nil {
		return err
	}
	o, err := l.finish(ctx, p.attr(path, n.Inode, n.Attr), n.Name)
	if err != nil {
		return err
	}
	gone, err := p.keepForeign(ctx, &o, s)
	if err != nil {
		return err
	}
	name := clfs.ObjectName(n.ID, parent[0], clfs.TypeDirectory, n.Version)
	if err := p.putListing(ctx, name, o, s.Reached, l.segment > 0); err != nil {
		return err
	}
	p.add(&state.Put{Node: n, Owner: parent[0].Hash(), Blocks: l.segment + 1, Snapshot: p.snap.Seq(),
		Replaced: gone, Final: s.Last, Complete: left == 0})
	return nil
}

// keepForeign gives a directory that was adopted what its blob has beside its entries. It
// returns the segments of that listing, unless the publication has put the directory already.
func (p *publication) keepForeign(ctx context.Context, o *clfs.Inode, s publish.Step) (gone []state.Foreign, err error) {
	n := s.Node
	if n.Flags&state.Adopted == 0 {
		return nil, nil
	}
	base, err := p.putInodeOf(ctx, n)
	if err != nil {
		return nil, err
	}
	a := base.Attr
	o.Unknown, o.ExtAttrs = base.Unknown, base.ExtAttrs
	o.Attr.Flags, o.Attr.Dtime, o.Attr.Reserved3, o.Attr.Reserved92 = a.Flags, a.Dtime, a.Reserved3, a.Reserved92
	o.Attr.FSID, o.Attr.FileID, o.Attr.ContainerID = a.FSID, a.FileID, a.ContainerID
	if n.Flags&state.BaseMap != 0 && !s.Again {
		gone = mapOf(base)
	}
	return gone, nil
}

// rereadRows keep the first pages of a directory, whose entries are counted before they are
// put: those of most directories are the only ones.
type rereadRows struct {
	*state.Snapshot
	children   kept[state.SnapshotChild]
	tombstones kept[state.Tombstone]
}

func (r *rereadRows) Children(ctx context.Context, dir state.Ino, after []byte, limit int) ([]state.SnapshotChild, error) {
	read := func() ([]state.SnapshotChild, error) { return r.Snapshot.Children(ctx, dir, after, limit) }
	if after != nil {
		return read()
	}
	return r.children.get(read)
}

func (r *rereadRows) Tombstones(ctx context.Context, dir state.Ino, after state.Tombstone, limit int) ([]state.Tombstone, error) {
	read := func() ([]state.Tombstone, error) { return r.Snapshot.Tombstones(ctx, dir, after, limit) }
	if after.Ino != 0 {
		return read()
	}
	return r.tombstones.get(read)
}

// kept is a page that is read once.
type kept[T any] struct {
	page  []T
	known bool
}

func (k *kept[T]) get(read func() ([]T, error)) (page []T, err error) {
	if !k.known {
		k.page, err = read()
		k.known = err == nil
	}
	return k.page, err
}

// countSegments counts the segments that a directory has, with the first.
func countSegments(entries iter.Seq2[publish.Entry, error], id, parent clfs.ID) (uint64, error) {
	used := clfs.DirentSize(len("."), len(id)) + clfs.DirentSize(len(".."), len(parent))
	blocks := uint64(1)
	for e, err := range entries {
		if err != nil {
			return 0, err
		}
		if !e.Listed {
			continue
		}
		size := clfs.DirentSize(len(e.Name), len(e.ID))
		if !clfs.DirentFits(blocks == 1, used, size) {
			blocks++
			used = 0
		}
		used += size
	}
	return blocks, nil
}

// addEntries adds what is listed, and returns how many entries are not.
func (l *listing) addEntries(ctx context.Context, entries iter.Seq2[publish.Entry, error]) (left int, err error) {
	for e, err := range entries {
		if err != nil {
			return left, err
		}
		if !e.Listed {
			left++
			continue
		}
		if e.Type == clfs.TypeDirectory {
			l.subdirs++
		}
		if err := l.add(ctx, e.Name, e.ID); err != nil {
			return left, err
		}
	}
	return left, nil
}
