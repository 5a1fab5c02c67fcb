package publish

import (
	"context"
	"fmt"
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/engine/blobs"
)

// node puts a new version of an inode that has been put before.
func (p *publication) node(ctx context.Context, n state.Node) error {
	path := p.pathOf(ctx, n)
	o, err := p.base(ctx, n)
	if failure, own := blobs.FailureOf(err); own {
		p.behind(Behind{path(), n, failure.Op + ": " + failure.Reason, true})
		return nil
	}
	if err != nil {
		return fmt.Errorf("read back %q: %w", path(), err)
	}
	back, err := p.snap.BackPointers(ctx, n)
	if err != nil {
		return err
	}
	contents := o.Attr
	p.Store.Stamp(o, path, n, back)
	if !n.ContentsCurrent() {
		// Those that are put are older than the row.
		o.Attr.Size, o.Attr.Used, o.Attr.Mtime, o.Attr.Ctime = contents.Size, contents.Used, contents.Mtime, contents.Ctime
	}
	packed := compression.Pack(nil, o.Append(nil), p.Journal.Settings.Compression)
	if err := p.Store.PutInReach(ctx, clfs.ObjectName(n.ID, back[0], n.Attr.Type, n.Version), packed); err != nil {
		return fmt.Errorf("put %q: %w", path(), err)
	}
	p.add(&state.Put{Node: n, Owner: back[0].Hash()})
	atomic.AddInt64(&p.report.Nodes, 1)
	return nil
}

// base returns the inode that the journal has kept for this publication, or the
// one that is in the container.
func (p *publication) base(ctx context.Context, n state.Node) (*object.Inode, error) {
	image, err := p.snap.Image(ctx, n.Ino)
	if err != nil {
		return nil, err
	}
	if image == nil {
		return p.Store.StoredInode(ctx, n)
	}
	return blobs.DecodeImage(n, image)
}
