package publish

import (
	"context"
	"fmt"
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/engine/blobs"
)

// putDirectoryInode uploads the inode of a directory, whose further segments, if it has any,
// are uploaded. One that is in reach then must find them.
func (p *Publisher) putDirectoryInode(ctx context.Context, name string, o object.Inode, inReach, segments bool) error {
	packed := compression.Pack(nil, o.Append(nil), p.Journal.Settings.Compression)
	if !inReach {
		return p.Store.Put(ctx, name, packed)
	}
	if segments {
		if err := blob.Sync(ctx, p.Container); err != nil {
			return err
		}
	}
	return p.Store.PutInReach(ctx, name, packed)
}

// directory puts a directory.
func (p *publication) directory(ctx context.Context, s Step) error {
	path := p.pathOf(ctx, s.Node)
	if err := p.putDirectory(ctx, path, s); err != nil {
		return fmt.Errorf("put directory %q: %w", path(), err)
	}
	atomic.AddInt64(&p.report.Directories, 1)
	return nil
}

func (p *publication) putDirectory(ctx context.Context, path blobs.PathFunc, s Step) error {
	n := s.Node
	parent, err := p.snap.BackPointers(ctx, n)
	if err != nil {
		return err
	}
	d := p.newDirectory(n)
	defer d.release()
	if err := d.addDots(ctx, parent[0]); err != nil {
		return err
	}
	left, err := d.addEntries(ctx, Listing(ctx, p.snap, s))
	if err != nil {
		return err
	}
	o, err := d.finish(ctx, p.Store.Attr(path, n.Inode, n.Attr))
	if err != nil {
		return err
	}
	gone, err := p.keepForeign(ctx, &o, s)
	if err != nil {
		return err
	}
	name := clfs.ObjectName(n.ID, parent[0], clfs.TypeDirectory, n.Version)
	if err := p.putDirectoryInode(ctx, name, o, s.Reached, d.segment > 0); err != nil {
		return err
	}
	p.add(&state.Put{Node: d.node, Owner: parent[0].Hash(), Blocks: d.segment + 1, Snapshot: p.snap.Seq(),
		Replaced: gone, Final: s.Last, Complete: left == 0 || !p.Live})
	return nil
}

// keepForeign gives a directory that was adopted what its blob has beside its entries. It
// returns the segments of that listing, unless the publication has put the directory already.
func (p *publication) keepForeign(ctx context.Context, o *object.Inode, s Step) (gone []state.Foreign, err error) {
	n := s.Node
	if n.Flags&state.Adopted == 0 {
		return nil, nil
	}
	base, err := p.Store.StoredInode(ctx, n)
	if err != nil {
		return nil, err
	}
	a := base.Attr
	o.Unknown, o.ExtAttrs = base.Unknown, base.ExtAttrs
	o.Attr.Flags, o.Attr.Dtime, o.Attr.Reserved3, o.Attr.Reserved92 = a.Flags, a.Dtime, a.Reserved3, a.Reserved92
	o.Attr.FSID, o.Attr.FileID, o.Attr.ContainerID = a.FSID, a.FileID, a.ContainerID
	if n.Flags&state.BaseMap != 0 && !s.Again {
		gone = blobs.MapOf(base)
	}
	return gone, nil
}
