package engine

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob"
)

// childrenPage is how many entries of a directory are read from the journal at a
// time.
const childrenPage = 2048

// listing packs the entries of one directory into segments and uploads those that
// are full, docs/clfs-format.md section 5. Its memory does not depend on the size
// of the directory.
type listing struct {
	engine     *Engine
	id         clfs.ID
	generation uint64
	ctime      uint32
	builder    *clfs.MapBuilder
	first      []byte // the entries of the first segment, once it is full
	current    []byte
	limit      int
	segment    uint64 // index of the current segment after the first
	size       uint64 // of the directory, as VATTR says it
	subdirs    uint32
	// reserve, if any, is told before so many segments after the first may be put.
	reserve  func(segments uint64) error
	reserved uint64
}

// leastReserved segments are reserved at first, and then twice as many each time.
const leastReserved = 8

func (e *Engine) newListing(ctx context.Context, id clfs.ID, generation uint64, attr state.Attr) *listing {
	ctime := ctimeSeconds(attr)
	return &listing{engine: e, id: id, generation: generation, ctime: ctime, limit: clfs.FirstDirentBytes,
		builder: e.newMapBuilder(ctx, id, generation, ctime)}
}

// addDots adds what a listing starts with.
func (l *listing) addDots(ctx context.Context, parent clfs.ID) error {
	if err := l.add(ctx, []byte("."), l.id); err != nil {
		return err
	}
	return l.add(ctx, []byte(".."), parent)
}

// fill adds all entries that the journal of a load has.
func (l *listing) fill(ctx context.Context, dir state.Ino) error {
	var after []byte
	for {
		page, err := l.engine.journal.Children(ctx, dir, after, childrenPage)
		if err != nil {
			return err
		}
		if err := l.addPage(ctx, page); err != nil || len(page) < childrenPage {
			return err
		}
		after = page[len(page)-1].Name
	}
}

func (l *listing) addPage(ctx context.Context, page []state.Child) error {
	for _, c := range page {
		if c.State == state.Failed {
			continue // Publish has been told to leave it out
		}
		if c.State != state.Done {
			return fmt.Errorf("entry %q is not in the container yet", c.Name)
		}
		if c.Type == clfs.TypeDirectory {
			l.subdirs++
		}
		if err := l.add(ctx, c.Name, c.ID); err != nil {
			return err
		}
	}
	return nil
}

func (l *listing) add(ctx context.Context, name []byte, id clfs.ID) error {
	if len(l.current)+clfs.DirentSize(len(name), len(id)) > l.limit {
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	l.current = clfs.AppendDirent(l.current, name, id)
	return nil
}

// flush ends the current segment.
func (l *listing) flush(ctx context.Context) error {
	l.size += 4 + uint64(len(l.current))
	if l.first == nil {
		l.first, l.current, l.limit = l.current, nil, clfs.DirSegmentBytes
		return nil
	}
	if l.reserve != nil && l.segment == l.reserved {
		l.reserved = max(leastReserved, 2*l.reserved)
		if err := l.reserve(l.reserved); err != nil {
			return err
		}
	}
	s := &l.engine.journal.Settings
	id := clfs.SegmentID(s.Key, l.id, l.generation, l.segment)
	payload := clfs.AppendDirSegment(nil, l.current, l.ctime, clfs.SegmentOffset(l.segment, true), l.id)
	name := clfs.ObjectName(id, l.id, clfs.TypeSegment, clfs.FirstVersion)
	if err := l.engine.put(ctx, name, clfs.Pack(nil, payload, s.Compression)); err != nil {
		return fmt.Errorf("put directory segment %d: %w", l.segment, err)
	}
	l.segment++
	l.current = l.current[:0]
	return l.builder.Add(id)
}

// finish uploads what is left of a directory but its inode, which it returns.
func (l *listing) finish(ctx context.Context, attr clfs.Attr, name []byte) (clfs.Inode, error) {
	if err := l.flush(ctx); err != nil {
		return clfs.Inode{}, err
	}
	o := clfs.Inode{Attr: attr, Dirents: l.first, Name: name,
		FirstSegmentSize: clfs.FirstSegmentBytes, SegmentSize: clfs.DirSegmentBytes}
	o.Attr.Size, o.Attr.Used = l.size, l.size
	o.Attr.Nlink = 2 + l.subdirs
	s := &l.engine.journal.Settings
	if l.id == clfs.RootID {
		o.ExtAttrs = clfs.RootExtAttrs(s.MassUUID, s.WipeUUID)
	}
	var err error
	o.Direct, o.Roots, err = l.builder.Finish()
	return o, err
}

// putDirectory uploads a directory of a load: its further segments, then its
// inode. No segment is put that the journal does not know of.
func (e *Engine) putDirectory(ctx context.Context, path pathOf, dir state.Inode) error {
	parent, err := e.journal.BackPointers(ctx, dir)
	if err != nil {
		return err
	}
	before, err := e.journal.ReservedSegments(ctx, dir.Ino)
	if err != nil {
		return err
	}
	l := e.newListing(ctx, dir.ID, 0, dir.Attr)
	l.reserve = func(segments uint64) error { return e.journal.ReserveSegments(ctx, dir.Ino, segments) }
	if err := l.addDots(ctx, parent[0]); err != nil {
		return err
	}
	if err := l.fill(ctx, dir.Ino); err != nil {
		return err
	}
	o, err := l.finish(ctx, e.attr(path, dir, dir.Attr), dir.Name)
	if err != nil {
		return err
	}
	name := clfs.ObjectName(dir.ID, parent[0], clfs.TypeDirectory, clfs.FirstVersion)
	if err := e.putListing(ctx, name, o, dir.Ino == state.RootIno, l.segment > 0); err != nil {
		return err
	}
	// An earlier run may have put more.
	return e.removeSegments(ctx, dir.ID, before, l.segment)
}

// putListing uploads the inode of a directory, whose further segments, if it has any,
// are uploaded. One that is in reach then must find them.
func (e *Engine) putListing(ctx context.Context, name string, o clfs.Inode, inReach, segments bool) error {
	packed := clfs.Pack(nil, o.Append(nil), e.journal.Settings.Compression)
	if !inReach {
		return e.put(ctx, name, packed)
	}
	if segments {
		if err := blob.Sync(ctx, e.container); err != nil {
			return err
		}
	}
	return e.putInReach(ctx, name, packed)
}
