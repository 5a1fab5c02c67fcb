package engine

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state"
)

// childrenPage is how many entries of a directory are read from the journal at a
// time.
const childrenPage = 2048

// listing packs the entries of one directory into segments and uploads those that
// are full, docs/clfs-format.md section 5. Its memory does not depend on the size
// of the directory.
type listing struct {
	engine  *Engine
	dir     state.Inode
	ctime   uint32
	builder *clfs.MapBuilder
	first   []byte // the entries of the first segment, once it is full
	current []byte
	limit   int
	segment uint64 // index of the current segment after the first
	size    uint64 // of the directory, as VATTR says it
	subdirs uint32
}

func (e *Engine) newListing(ctx context.Context, dir state.Inode) *listing {
	ctime := ctimeSeconds(dir.Attr)
	return &listing{engine: e, dir: dir, ctime: ctime, limit: clfs.FirstDirentBytes,
		builder: e.newMapBuilder(ctx, dir.ID, ctime)}
}

// fill adds the dots and all entries that the journal has.
func (l *listing) fill(ctx context.Context) error {
	parent, err := l.engine.journal.BackPointers(ctx, l.dir)
	if err != nil {
		return err
	}
	if err := l.add(ctx, []byte("."), l.dir.ID); err != nil {
		return err
	}
	if err := l.add(ctx, []byte(".."), parent[0]); err != nil {
		return err
	}
	var after []byte
	for {
		page, err := l.engine.journal.Children(ctx, l.dir.Ino, after, childrenPage)
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
	s := &l.engine.journal.Settings
	id := clfs.SegmentID(s.Key, l.dir.ID, 0, l.segment)
	payload := clfs.AppendDirSegment(nil, l.current, l.ctime, clfs.SegmentOffset(l.segment, true), l.dir.ID)
	name := clfs.ObjectName(id, l.dir.ID, clfs.TypeSegment, clfs.FirstVersion)
	if err := l.engine.put(ctx, name, clfs.Pack(nil, payload, s.Compression)); err != nil {
		return fmt.Errorf("put directory segment %d: %w", l.segment, err)
	}
	l.segment++
	l.current = l.current[:0]
	return l.builder.Add(id)
}

// putDirectory uploads a directory: its further segments, then its inode.
func (e *Engine) putDirectory(ctx context.Context, path string, dir state.Inode) error {
	l := e.newListing(ctx, dir)
	if err := l.fill(ctx); err != nil {
		return err
	}
	if err := l.flush(ctx); err != nil {
		return err
	}
	o := clfs.Inode{Dirents: l.first, Name: dir.Name,
		FirstSegmentSize: clfs.FirstSegmentBytes, SegmentSize: clfs.DirSegmentBytes}
	var err error
	if o.Direct, o.Roots, err = l.builder.Finish(); err != nil {
		return err
	}
	o.Attr = e.attr(path, dir, dir.Attr)
	o.Attr.Size, o.Attr.Used = l.size, l.size
	o.Attr.Nlink = 2 + l.subdirs
	s := &e.journal.Settings
	if dir.Ino == state.RootIno {
		o.ExtAttrs = clfs.RootExtAttrs(s.MassUUID, s.WipeUUID)
	}
	parent, err := e.journal.BackPointers(ctx, dir)
	if err != nil {
		return err
	}
	name := clfs.ObjectName(dir.ID, parent[0], clfs.TypeDirectory, clfs.FirstVersion)
	return e.put(ctx, name, clfs.Pack(nil, o.Append(nil), s.Compression))
}
