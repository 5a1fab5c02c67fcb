package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"clfsload/clfs"
	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
)

// A node that was adopted was made by another program. Its blocks have any ids, which the
// block map of its newest payload tells, and its records may be more than we know.

// baseKey names a payload of an inode, from which a block map is read.
type baseKey struct {
	ino      state.Ino
	version  uint32
	owner    uint64
	imageGen uint64
}

// basesKept is how many inodes with their block maps are remembered, of about 100 KiB and 1 MiB at
// most.
const basesKept = 64

// baseOf returns the newest payload of a node that was adopted.
func (e *Engine) baseOf(ctx context.Context, n state.Node) (*clfs.Inode, error) {
	key := baseKey{n.Ino, n.PutVersion, n.PutOwner, n.ImageGen}
	if o, found := e.bases.Get(key); found {
		return o, nil
	}
	o, err := e.newestInode(ctx, n)
	if err == nil {
		e.bases.Add(key, o)
	}
	return o, err
}

// baseBlock reads a block of a file as the block map of its newest payload has it. What the
// payload's file does not have of it is left out.
func (e *Engine) baseBlock(ctx context.Context, n state.Node, index uint64) ([]byte, error) {
	o, err := e.baseOf(ctx, n)
	if err != nil {
		return nil, err
	}
	offset, length := state.BlockRange(index)
	buf := make([]byte, min(length, max(int64(o.Attr.Size)-offset, 0)))
	if len(buf) == 0 {
		return buf, nil
	}
	got, err := e.tree.ReadAt(ctx, treeNode(n, o), buf, uint64(offset))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if got < len(buf) {
		return nil, fmt.Errorf("%s: %w: block %d has %d bytes, not %d", n.PutName(), errDamaged, index, got, len(buf))
	}
	return buf, nil
}

// treeNode is an inode as package tree has it.
func treeNode(n state.Node, o *clfs.Inode) *tree.Node {
	return &tree.Node{Inode: o, Object: tree.Object{Blob: n.PutName(), Number: -1,
		Name: clfs.Name{ID: n.ID, Type: n.Attr.Type, OwnerHash: n.PutOwner, Version: n.PutVersion, Snapshot: clfs.LiveSnapshot, Form: 2}}}
}

// replacedPage is how many replaced blobs are noted in one transaction.
const replacedPage = 1000

// replaced gathers what an edit of a block map does without.
type replaced struct {
	list  []state.Foreign
	noted bool // a part of it
	note  func(list []state.Foreign, first bool) error
}

func (r *replaced) add(f state.Foreign) error {
	r.list = append(r.list, f)
	if len(r.list) < replacedPage {
		return nil
	}
	return r.flush()
}

func (r *replaced) flush() error {
	list := r.list
	r.list = r.list[:0]
	if len(list) == 0 {
		return nil
	}
	first := !r.noted
	r.noted = true
	return r.note(list, first)
}

// mapOf lists what the block map of an inode leads to: segments, and indirect blocks with all
// below them.
func mapOf(o *clfs.Inode) (list []state.Foreign) {
	if len(o.Direct) > 0 {
		for _, id := range o.Direct[1:] {
			if !id.IsNull() {
				list = append(list, state.Foreign{Kind: state.ForeignObject, ID: id, Owner: o.ID()})
			}
		}
	}
	for _, root := range o.Roots {
		if !root.IsNull() {
			list = append(list, state.Foreign{Kind: state.ForeignTree, ID: root, Owner: o.ID()})
		}
	}
	return list
}

// editMap uploads the indirect blocks of a file whose block map another program has made, as
// far as they change, and notes what the new map does without.
func (w *worker) editMap(ctx context.Context, p *blockPlan) (clfs.Inode, error) {
	n := *p.node
	base, err := w.baseOf(ctx, n)
	if err != nil {
		return clfs.Inode{}, err
	}
	gone := &replaced{note: func(list []state.Foreign, first bool) error { return w.noteReplaced(ctx, n, list, first) }}
	old := state.Blocks(int64(base.Attr.Size))
	edit := clfs.MapEdit{
		Direct: base.Direct, Roots: base.Roots, Old: old, Keep: max(min(n.Sealed, old, p.count), 1), Blocks: p.count,
		NewIndirect: func(tree, depth int, index uint64) clfs.ID {
			return clfs.IndirectID(w.journal.Settings.Key, n.ID, n.Next, tree, depth, index)
		},
		Read: func(id clfs.ID, tree, depth int) (clfs.IndirectBlock, error) {
			return w.indirect(ctx, n, id, tree, depth)
		},
		Emit:     w.putIndirect(ctx, n.ID, ctimeSeconds(n.Attr)),
		Replaced: func(kind clfs.Replaced, id clfs.ID) error { return gone.add(foreignOf(kind, id, n.ID)) },
	}
	edit.NextNew = func(from uint64) (uint64, clfs.ID, error) {
		block := p.nextNew(from, edit.Keep)
		if block == 0 || p.rows.err != nil {
			return 0, "", p.rows.err
		}
		return block, clfs.SegmentID(w.journal.Settings.Key, n.ID, n.Next, block-1), nil
	}
	o := *base
	if o.Direct, o.Roots, err = edit.Run(); err == nil {
		err = gone.flush()
	}
	return o, err
}

// nextNew returns the first block from one on, of a map that is edited, that is not where the
// old map says: those with a row, and all from keep on. 0: there is none.
func (p *blockPlan) nextNew(from, keep uint64) uint64 {
	if b, found := p.rows.next(from); found && b.Index < keep {
		return b.Index
	}
	if block := max(from, keep); block < p.count {
		return block
	}
	return 0
}

func foreignOf(kind clfs.Replaced, id, owner clfs.ID) state.Foreign {
	if kind == clfs.ReplacedSubtree {
		return state.Foreign{Kind: state.ForeignTree, ID: id, Owner: owner}
	}
	return state.Foreign{Kind: state.ForeignObject, ID: id, Owner: owner}
}

func (w *worker) noteReplaced(ctx context.Context, n state.Node, list []state.Foreign, first bool) error {
	ok, err := w.journal.NoteReplaced(ctx, n, list, first)
	if err == nil && !ok {
		err = errStale
	}
	return err
}

// indirect reads an indirect block of a file, which must be the one of that place.
func (e *Engine) indirect(ctx context.Context, n state.Node, id clfs.ID, tree, depth int) (clfs.IndirectBlock, error) {
	o, b, err := e.tree.Indirect(ctx, id)
	if err == nil && (b.Owner != n.ID || b.Tree != tree || b.Depth != depth) {
		err = fmt.Errorf("%s: %w: it is not the indirect block of tree %d at depth %d of %s", o.Blob, errDamaged, tree, depth, n.ID)
	}
	return b, err
}

// removeForeign deletes what another program has put. A map that is damaged may lead to what
// belongs to another inode: that is left alone.
func (e *Engine) removeForeign(ctx context.Context, f state.Foreign) error {
	live := func(n clfs.Name) bool { return n.Snapshot == clfs.LiveSnapshot }
	switch f.Kind {
	case state.ForeignTree:
		return e.removeTree(ctx, f, -1)
	case state.OldVersions:
		return e.removeBlobs(ctx, f.ID, func(n clfs.Name) bool { return live(n) && n.Version < f.Below })
	}
	return e.removeBlobs(ctx, f.ID, func(n clfs.Name) bool {
		return live(n) && n.OwnerHash == f.Owner.Hash() && (n.Type == clfs.TypeSegment || n.Type == clfs.TypeIndirect)
	})
}

// removeBlobs deletes the blobs of an object that are chosen.
func (e *Engine) removeBlobs(ctx context.Context, id clfs.ID, choose func(clfs.Name) bool) error {
	for info, err := range blob.All(ctx, e.container, clfs.NamePrefix(id)) {
		if err != nil {
			return fmt.Errorf("look for object %s: %w", id, err)
		}
		n, err := clfs.ParseName(info.Name)
		if err != nil || n.ID != id || !choose(n) {
			continue
		}
		if err := e.container.Delete(ctx, info.Name); err != nil {
			return err
		}
	}
	return nil
}

// removeTree deletes an indirect block after all that it leads to. So it can be called again
// after it was cut off. Where a block cannot be read, what it leads to stays: that is damage, and must
// keep no publication back. Depths grow on the way down, so it comes to an end. above is the
// depth of the block above; -1: there is none.
func (e *Engine) removeTree(ctx context.Context, f state.Foreign, above int) error {
	_, b, err := e.tree.Indirect(ctx, f.ID)
	if tree.IsMissing(err) {
		return nil
	}
	if _, own := problemOf(err); err != nil && !own {
		return fmt.Errorf("delete what indirect block %s leads to: %w", f.ID, err)
	}
	if err == nil && b.Depth > above && b.Owner == f.Owner {
		if err := e.removeBelow(ctx, b); err != nil {
			return err
		}
	}
	return e.removeForeign(ctx, state.Foreign{Kind: state.ForeignObject, ID: f.ID, Owner: f.Owner})
}

func (e *Engine) removeBelow(ctx context.Context, b clfs.IndirectBlock) error {
	return rescue.Each(ctx, e.options.Concurrency, slices.Values(b.Blocks), func(ctx context.Context, child clfs.ID) error {
		f := state.Foreign{Kind: state.ForeignObject, ID: child, Owner: b.Owner}
		switch {
		case child.IsNull():
			return nil
		case b.Depth < b.Tree:
			return e.removeTree(ctx, f, b.Depth)
		}
		return e.removeForeign(ctx, f)
	})
}

// removeBase deletes what the block map of a removed node leads to, if another program has made
// it, and lower versions of its inode. The inode itself goes last.
func (e *Engine) removeBase(ctx context.Context, n state.Node) error {
	if n.Flags&state.OlderVersions != 0 {
		if err := e.removeForeign(ctx, state.Foreign{Kind: state.OldVersions, ID: n.ID, Below: n.PutVersion, Owner: n.ID}); err != nil {
			return err
		}
	}
	if n.Flags&state.BaseMap == 0 {
		return nil
	}
	o, err := e.baseOf(ctx, n)
	if _, own := problemOf(err); own {
		return nil // it is gone already, or nothing can be known of it
	}
	if err != nil {
		return err
	}
	for _, f := range mapOf(o) {
		if err := e.removeForeign(ctx, f); err != nil {
			return err
		}
	}
	return nil
}
