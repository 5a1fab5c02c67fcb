package writable

import (
	"context"
)

// copyPiece is how many bytes are copied at a time where the disk does not do it alone.
const copyPiece = 1 << 20

// copyRange copies up to length bytes, and says how many.
func copyRange(ctx context.Context, to *file, off int64, from *file, fromOff, length int64) (int, error) {
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
func copyStaged(ctx context.Context, to *file, off int64, from *file, fromOff, length int64) (int, error) {
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
func lockBoth(from, to *file) error {
	if from.ino < to.ino {
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
