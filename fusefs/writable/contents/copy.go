package contents

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"clfsload/state"
)

// copyPiece is how many bytes are copied at a time where the disk does not do it alone.
const copyPiece = 1 << 20

// CopyRange copies up to length bytes, and says how many.
func CopyRange(ctx context.Context, to *File, off int64, from *File, fromOff, length int64) (int, error) {
	if to != from {
		n, err := copyStaged(ctx, to, off, from, fromOff, length)
		if n > 0 || err != nil {
			return n, err
		}
	}
	buf := make([]byte, min(length, copyPiece))
	done := 0
	for int64(done) < length {
		n, err := from.read(ctx, buf[:min(int64(len(buf)), length-int64(done))], fromOff+int64(done), nil)
		if n == 0 || err != nil {
			return done, err
		}
		n, err = to.write(ctx, buf[:n], off+int64(done))
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// copyStaged lets the disk copy what is local. It returns 0 where it cannot.
func copyStaged(ctx context.Context, to *File, off int64, from *File, fromOff, length int64) (int, error) {
	if err := lockBoth(from, to); err != nil {
		return 0, err
	}
	defer to.mu.Unlock()
	defer from.mu.RUnlock()
	length = min(length, from.size-fromOff, to.table.MaxFileSize-off)
	if length <= 0 || from.staged == nil || from.remote.any(blockAt(fromOff), blockAt(fromOff+length-1)+1) {
		return 0, nil
	}
	if err := to.prepare(ctx, off, off+length); err != nil {
		return 0, err
	}
	n, err := to.staged.CopyRange(off, from.staged, fromOff, int(length))
	if err != nil {
		return 0, nil // not every disk can do this
	}
	if n > 0 {
		to.modified(max(to.size, off+int64(n)))
		to.queue(off, off+int64(n))
	}
	to.account()
	return n, nil
}

// lockBoth locks one file for reading and another one for writing, always in the
// order of their numbers, so that two copies do not wait for each other.
func lockBoth(from, to *File) error {
	if from.Ino < to.Ino {
		if err := from.share(); err != nil {
			return err
		}
		to.mu.Lock()
		return nil
	}
	to.mu.Lock()
	if err := from.share(); err != nil {
		to.mu.Unlock()
		return err
	}
	return nil
}

// CopyTo writes the contents of a file to an empty one, with its holes. Nothing in the journal
// changes.
func (t *Table) CopyTo(ctx context.Context, ino state.Ino, to *os.File) error {
	f := t.Acquire(ino)
	defer t.Release(f)
	if err := f.checkStaged(); err != nil {
		return err
	}
	size := int64(0)
	for {
		from, end, found, err := f.nextData(size)
		if err != nil || !found {
			return errors.Join(err, to.Truncate(f.size))
		}
		if _, err := to.Seek(from, io.SeekStart); err != nil {
			return err
		}
		if err := f.copyPart(ctx, from, end, to); err != nil {
			return err
		}
		size = end
	}
}

// checkStaged returns ErrStagingLost if the staging file is missing or shorter than the file: what
// it does not have would pass for a hole.
func (f *File) checkStaged() error {
	if err := f.share(); err != nil {
		return err
	}
	defer f.mu.RUnlock()
	staged := int64(0)
	if f.staged != nil {
		staged, _, _ = f.table.Staging.Stat(f.Ino)
	}
	for index := blockAt(staged); index < state.Blocks(f.size) && staged < f.size; index++ {
		if !f.remote.has(index) {
			return ErrStagingLost
		}
	}
	return nil
}

// nextData returns the next range of a file that is no hole.
func (f *File) nextData(off int64) (from, end int64, found bool, err error) {
	if from, err = f.Seek(off, unix.SEEK_DATA); errors.Is(err, ErrNoSuchData) {
		return 0, 0, false, nil
	}
	if err == nil {
		end, err = f.Seek(from, unix.SEEK_HOLE)
	}
	return from, end, err == nil, err
}

func (f *File) copyPart(ctx context.Context, from, end int64, to io.Writer) error {
	buf := make([]byte, copyPiece)
	for from < end {
		n, err := f.read(ctx, buf[:min(int64(len(buf)), end-from)], from, nil)
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err == nil {
			_, err = to.Write(buf[:n])
		}
		if err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}
