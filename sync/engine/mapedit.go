package engine

import (
	"context"

	"clfsload/clfs"
	"clfsload/clfs/blockmap"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/engine/blobs"
)

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

// editMap uploads the indirect blocks of a file whose block map another program has made, as
// far as they change, and notes what the new map does without.
func (w *worker) editMap(ctx context.Context, p *blockPlan) (object.Inode, error) {
	n := *p.node
	base, err := w.store.BaseOf(ctx, n)
	if err != nil {
		return object.Inode{}, err
	}
	gone := &replaced{note: func(list []state.Foreign, first bool) error { return w.noteReplaced(ctx, n, list, first) }}
	old := state.Blocks(int64(base.Attr.Size))
	edit := blockmap.Edit{
		Direct: base.Direct, Roots: base.Roots, Old: old, Keep: max(min(n.SealedBlocks, old, p.count), 1), Blocks: p.count,
		NewIndirect: func(tree, depth int, index uint64) clfs.ID {
			return clfs.IndirectID(w.journal.Settings.Key, n.ID, n.Next, tree, depth, index)
		},
		Read: func(id clfs.ID, tree, depth int) (object.IndirectBlock, error) {
			return w.store.Indirect(ctx, n, id, tree, depth)
		},
		Emit:     w.store.PutIndirect(ctx, n.ID, blobs.CtimeSeconds(n.Attr)),
		Replaced: func(kind blockmap.Replaced, id clfs.ID) error { return gone.add(foreignOf(kind, id, n.ID)) },
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

func foreignOf(kind blockmap.Replaced, id, owner clfs.ID) state.Foreign {
	if kind == blockmap.ReplacedSubtree {
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
