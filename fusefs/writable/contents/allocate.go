package contents

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"clfsload/state"
)

// Allocate is fallocate(2). Ranges are made zero as holes.
func (f *File) Allocate(ctx context.Context, mode uint32, off, length uint64) error {
	from, end := int64(off), int64(off+length)
	f.mu.Lock()
	defer f.mu.Unlock()
	keepSize := mode&unix.FALLOC_FL_KEEP_SIZE != 0
	switch mode &^ unix.FALLOC_FL_KEEP_SIZE {
	case 0:
		return f.reserve(ctx, from, end, keepSize)
	case unix.FALLOC_FL_PUNCH_HOLE:
		if !keepSize {
			return ErrUnsupported
		}
		return f.zero(ctx, from, end, true)
	case unix.FALLOC_FL_ZERO_RANGE:
		return f.zero(ctx, from, end, keepSize)
	}
	return ErrUnsupported
}

// reserve takes room on the disk. What is remote already has its room in the
// container, and is left there.
func (f *File) reserve(ctx context.Context, from, end int64, keepSize bool) error {
	if err := f.begin(); err != nil {
		return err
	}
	if err := f.ensureStaged(); err != nil {
		return err
	}
	if end > f.size && !keepSize {
		if err := f.prepare(ctx, f.size, end); err != nil {
			return err
		}
	}
	if f.remote.any(blockAt(from), blockAt(end-1)+1) {
		from = max(from, min(f.size, end-1))
	}
	mode := uint32(0)
	if keepSize {
		mode = unix.FALLOC_FL_KEEP_SIZE
	}
	err := f.staged.Allocate(mode, from, end-from)
	if err != nil && !keepSize { // some of it may be there
		err = errors.Join(err, f.staged.Truncate(f.size))
	}
	f.account()
	if err != nil {
		return err
	}
	if keepSize {
		end = f.size
	}
	f.modified(max(f.size, end))
	return nil
}

// zero makes a range zero.
func (f *File) zero(ctx context.Context, from, end int64, keepSize bool) error {
	if err := f.begin(); err != nil {
		return err
	}
	size := f.size
	if !keepSize {
		size = max(size, end)
	}
	end = min(end, size)
	if from >= end {
		return nil
	}
	// What is made zero as a whole is a hole in staging as long as it is remote.
	isEdge := func(index uint64) bool {
		at, length := state.BlockRange(index)
		return at < from || min(at+length, f.size) > end
	}
	if err := f.prepareBlocks(ctx, from, end, isEdge); err != nil {
		return err
	}
	if err := f.staged.Punch(from, end-from); err != nil {
		return err
	}
	if size > f.size {
		if err := f.staged.Truncate(size); err != nil {
			return err
		}
	}
	f.modified(size)
	f.account()
	return nil
}
