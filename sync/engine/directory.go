package engine

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/engine/publish"
)

// listing packs the entries of one directory into segments and uploads those that
// are full, docs/clfs-format.md section 5. Its memory does not depend on the size
// of the directory.
type listing struct {
	engine   *Engine
	node     state.Node // with what is reserved
	builder  *clfs.MapBuilder
	grant    *grant // of one with further segments
	first    []byte // the entries of the first segment, once it is full
	current  []byte
	limit    int
	segment  uint64 // index of the current segment after the first
	reserved uint64 // segments that may be put, and 1
	size     uint64 // of the directory, as VATTR says it
	subdirs  uint32
}

// leastReserved segments are reserved at first, and then twice as many each time.
const leastReserved = 8

func (e *Engine) newListing(n state.Node) *listing {
	return &listing{engine: e, node: n, limit: clfs.FirstDirentBytes}
}

// release gives back the memory that was counted.
func (l *listing) release() {
	if l.grant != nil {
		l.grant.release()
	}
}

// addDots adds what a listing starts with.
func (l *listing) addDots(ctx context.Context, parent clfs.ID) error {
	if err := l.add(ctx, []byte("."), l.node.ID); err != nil {
		return err
	}
	return l.add(ctx, []byte(".."), parent)
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
	if err := l.reserve(ctx); err != nil {
		return err
	}
	s := &l.engine.journal.Settings
	id := clfs.SegmentID(s.Key, l.node.ID, l.node.Next, l.segment)
	payload := clfs.AppendDirSegment(nil, l.current, ctimeSeconds(l.node.Attr), clfs.SegmentOffset(l.segment, true), l.node.ID)
	name := clfs.ObjectName(id, l.node.ID, clfs.TypeSegment, clfs.FirstVersion)
	if err := l.engine.store.put(ctx, name, clfs.Pack(nil, payload, s.Compression)); err != nil {
		return fmt.Errorf("put directory segment %d: %w", l.segment, err)
	}
	l.segment++
	l.current = l.current[:0]
	return l.builder.Add(id)
}

// largeDirectory is about what a directory with further segments takes while it is
// put: a segment, as it is, encoded and compressed, and a page of entries.
const largeDirectory = 2 << 20

// reserve makes sure that the journal knows of the current segment, before it is put. Many large
// directories at a time take memory that counts.
func (l *listing) reserve(ctx context.Context) (err error) {
	if l.grant == nil {
		if l.grant, err = l.engine.budget.acquire(ctx, largeDirectory); err != nil {
			return err
		}
	}
	if l.segment+2 <= l.reserved {
		return nil
	}
	first := l.reserved == 0
	l.reserved = max(leastReserved, 2*l.reserved)
	if l.node, err = l.engine.journal.Reserve(ctx, l.node, l.reserved, first); err == nil && first {
		l.builder = l.engine.store.newMapBuilder(ctx, l.node.ID, l.node.Next, ctimeSeconds(l.node.Attr))
	}
	return err
}

// finish uploads what is left of a directory but its inode, which it returns.
func (l *listing) finish(ctx context.Context, attr clfs.Attr) (clfs.Inode, error) {
	if err := l.flush(ctx); err != nil {
		return clfs.Inode{}, err
	}
	o := clfs.Inode{Attr: attr, Dirents: l.first, Name: l.node.Name,
		FirstSegmentSize: clfs.FirstSegmentBytes, SegmentSize: clfs.DirSegmentBytes}
	o.Attr.Size, o.Attr.Used = l.size, l.size
	o.Attr.Nlink = 2 + l.subdirs
	s := &l.engine.journal.Settings
	if l.node.ID == clfs.RootID {
		o.ExtAttrs = clfs.RootExtAttrs(s.MassUUID, s.WipeUUID)
	}
	if l.builder == nil {
		l.builder = l.engine.store.newMapBuilder(ctx, l.node.ID, l.node.Next, 0)
	}
	var err error
	o.Direct, o.Roots, err = l.builder.Finish()
	return o, err
}

// putListing uploads the inode of a directory, whose further segments, if it has any,
// are uploaded. One that is in reach then must find them.
func (e *Engine) putListing(ctx context.Context, name string, o clfs.Inode, inReach, segments bool) error {
	packed := clfs.Pack(nil, o.Append(nil), e.journal.Settings.Compression)
	if !inReach {
		return e.store.put(ctx, name, packed)
	}
	if segments {
		if err := blob.Sync(ctx, e.container); err != nil {
			return err
		}
	}
	return e.store.putInReach(ctx, name, packed)
}

// directory puts a directory.
func (p *publication) directory(ctx context.Context, s publish.Step) error {
	path := p.pathOf(ctx, s.Node)
	if err := p.putDirectory(ctx, path, s); err != nil {
		return fmt.Errorf("put directory %q: %w", path(), err)
	}
	atomic.AddInt64(&p.report.Directories, 1)
	return nil
}

func (p *publication) putDirectory(ctx context.Context, path pathOf, s publish.Step) error {
	n := s.Node
	parent, err := p.snap.BackPointers(ctx, n)
	if err != nil {
		return err
	}
	l := p.newListing(n)
	defer l.release()
	if err := l.addDots(ctx, parent[0]); err != nil {
		return err
	}
	left, err := l.addEntries(ctx, publish.Listing(ctx, p.snap, s))
	if err != nil {
		return err
	}
	o, err := l.finish(ctx, p.store.attr(path, n.Inode, n.Attr))
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
	p.add(&state.Put{Node: l.node, Owner: parent[0].Hash(), Blocks: l.segment + 1, Snapshot: p.snap.Seq(),
		Replaced: gone, Final: s.Last, Complete: left == 0 || !p.options.Live})
	return nil
}

// keepForeign gives a directory that was adopted what its blob has beside its entries. It
// returns the segments of that listing, unless the publication has put the directory already.
func (p *publication) keepForeign(ctx context.Context, o *clfs.Inode, s publish.Step) (gone []state.Foreign, err error) {
	n := s.Node
	if n.Flags&state.Adopted == 0 {
		return nil, nil
	}
	base, err := p.store.storedInode(ctx, n)
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
