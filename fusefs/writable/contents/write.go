package contents

import (
	"context"

	"clfsload/clfs"
	"clfsload/state"
)

// order notices that blocks are written from their first byte to their last one.
type order struct{ start, next int64 }

// wrote tells of a write. It returns the blocks first..last-1 that are full now,
// and were written in order.
func (o *order) wrote(off, end int64) (first, last uint64) {
	if off != o.next {
		o.start = off
	}
	from := max(o.start, o.next-clfs.SegmentBytes)
	o.next = end
	for index := max(blockAt(from), 1); ; index++ {
		at, length := state.BlockRange(index)
		if at+length > end {
			return first, last
		}
		if at < o.start || at+length <= off {
			continue
		}
		if last == 0 {
			first = index
		}
		last = index + 1
	}
}

// blockAt is the block that holds the byte at off.
func blockAt(off int64) uint64 {
	if off < clfs.FirstSegmentBytes {
		return 0
	}
	return uint64(off-clfs.FirstSegmentBytes)/clfs.SegmentBytes + 1
}

// write writes to the file. It says how many bytes were written before an error.
func (f *File) write(ctx context.Context, p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	most := f.table.MaxFileSize
	if off < 0 || off >= most {
		return 0, ErrTooBig
	}
	p = p[:min(int64(len(p)), most-off)] // the caller writes the rest, and that fails
	f.mu.Lock()
	defer f.mu.Unlock()
	end := off + int64(len(p))
	if err := f.prepare(ctx, off, end); err != nil {
		return 0, err
	}
	n, err := f.staged.WriteAt(p, off)
	if n > 0 {
		f.modified(max(f.size, off+int64(n)))
		f.queue(off, off+int64(n))
	}
	f.account()
	if n > 0 {
		err = nil // the rest of it fails when the caller writes that
	}
	return n, err
}

// modified sets a new size, and that the contents were changed now.
func (f *File) modified(size int64) {
	f.synced = false
	t := Now()
	f.setTimes(size, t, t)
}

// queue hands blocks that are full to the engine while the file is still open.
func (f *File) queue(off, end int64) {
	first, last := f.order.wrote(off, end)
	for index := first; index < last; index++ {
		if err := f.table.Journal.QueueBlock(f.table.ctx, f.Ino, index); err != nil {
			f.table.Log.Warn("a block is uploaded only when its file is closed", "inode", uint64(f.Ino), "block", index, "error", err)
			return
		}
		f.clean.set(index, true)
	}
}

// prepare makes a range ready to be changed: the file is one that is being
// written, its remote blocks are fetched, and the journal knows which blocks are
// not as they were uploaded. mu is held.
//
// Remote blocks are fetched although they may be overwritten whole: when the disk
// is full in the middle of that, the rest must be what it was.
func (f *File) prepare(ctx context.Context, off, end int64) error {
	return f.prepareBlocks(ctx, off, end, func(uint64) bool { return true })
}

// dirtyBatch is how many blocks the journal is told of at a time, so that other calls
// have their turn.
const dirtyBatch = 1024

// prepareBlocks is prepare where the contents of some blocks are not needed any more:
// these are not fetched. It takes as long as there are blocks in the range that are in
// the container, however long the range is.
func (f *File) prepareBlocks(ctx context.Context, off, end int64, needed func(index uint64) bool) error {
	if err := f.begin(); err != nil {
		return err
	}
	if err := f.ensureStaged(); err != nil {
		return err
	}
	var dirty []uint64
	first := blockAt(off)
	if index, partial := f.partialEnd(); partial && end > f.size && index < first && f.clean.has(index) {
		dirty = append(dirty, index) // it gets longer
	}
	for index, found := f.clean.next(first); found && index <= blockAt(end-1); index, found = f.clean.next(index + 1) {
		if len(dirty) == dirtyBatch {
			if err := f.change(ctx, dirty, needed); err != nil {
				return err
			}
			dirty = dirty[:0]
		}
		dirty = append(dirty, index)
	}
	return f.change(ctx, dirty, needed)
}

// change makes blocks dirty, and fetches those of them that are remote and needed.
func (f *File) change(ctx context.Context, blocks []uint64, needed func(index uint64) bool) error {
	for _, index := range blocks {
		if !f.remote.has(index) || !needed(index) {
			continue
		}
		if err := f.fetch(ctx, index); err != nil {
			return err
		}
	}
	if err := f.dirty(blocks); err != nil {
		return err
	}
	for _, index := range blocks {
		f.remote.set(index, false)
	}
	return nil
}

// partialEnd returns the last block, if the file ends in the middle of it.
func (f *File) partialEnd() (index uint64, partial bool) {
	index = state.Blocks(f.size) - 1
	at, length := state.BlockRange(index)
	return index, f.size < at+length
}

// dirty tells the journal of blocks that will be changed. They are in staging.
func (f *File) dirty(blocks []uint64) error {
	if len(blocks) == 0 {
		return nil
	}
	if err := f.table.Journal.DirtyBlocks(f.table.ctx, f.Ino, blocks); err != nil {
		return err
	}
	for _, index := range blocks {
		f.clean.set(index, false)
	}
	return nil
}

// truncate sets the size. mu is held.
func (f *File) truncate(ctx context.Context, size int64) error {
	if err := f.begin(); err != nil {
		return err
	}
	if err := f.prepareCut(ctx, size); err != nil {
		return err
	}
	staged := f.staged != nil || size > 0
	if staged { // first: a size that is recorded needs a file, also after a kill right here
		if err := f.ensureStaged(); err != nil {
			return err
		}
	}
	n, err := f.table.Journal.Truncate(f.table.ctx, f.Ino, size, Now())
	if err != nil {
		return err
	}
	f.node = n
	f.cutBlocks(size)
	if staged {
		if err := f.staged.Truncate(size); err != nil {
			return err
		}
	}
	f.modified(size)
	f.order = order{}
	f.account()
	return nil
}

// prepareCut fetches the block that will have another length, if it is remote.
func (f *File) prepareCut(ctx context.Context, size int64) error {
	index := state.Blocks(min(size, f.size)) - 1
	at, length := state.BlockRange(index)
	if size == f.size || min(size, f.size) == at+length || !f.remote.has(index) {
		return nil
	}
	if size == 0 {
		return nil // nothing of it is left
	}
	if err := f.ensureStaged(); err != nil {
		return err
	}
	return f.fetch(ctx, index)
}

// cutBlocks does to the sets of blocks what a truncation does in the journal.
func (f *File) cutBlocks(size int64) {
	blocks := state.Blocks(min(size, f.size))
	f.clean.cut(blocks)
	f.remote.cut(blocks)
	if size == 0 {
		f.remote.set(0, false)
	}
	at, length := state.BlockRange(blocks - 1)
	if size != f.size && min(size, f.size) < at+length {
		f.clean.set(blocks-1, false)
	}
}

// Resize truncates the file, or lets it grow by a hole.
func (f *File) Resize(ctx context.Context, size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.truncate(ctx, size)
}

// Empty truncates the file for an open. One that is for reading writes nothing more.
func (f *File) Empty(ctx context.Context, readOnly bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.truncate(ctx, 0); err != nil || !readOnly {
		return err
	}
	return f.endLast()
}
