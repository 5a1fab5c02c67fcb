package writable

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"clfsload/state"
)

// CopyTo writes the contents of a file to an empty one, with its holes. Nothing in the journal
// changes.
func (t *Table) CopyTo(ctx context.Context, ino state.Ino, to *os.File) error {
	f := t.acquire(ino)
	defer t.release(f)
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

// checkStaged returns errStagingLost if the staging file is missing or shorter than the file: what
// it does not have would pass for a hole.
func (f *file) checkStaged() error {
	if err := f.share(); err != nil {
		return err
	}
	defer f.mu.RUnlock()
	staged := int64(0)
	if f.staged != nil {
		staged, _, _ = f.table.Staging.Stat(f.ino)
	}
	for index := blockAt(staged); index < state.Blocks(f.size) && staged < f.size; index++ {
		if !f.remote.has(index) {
			return errStagingLost
		}
	}
	return nil
}

// nextData returns the next range of a file that is no hole.
func (f *file) nextData(off int64) (from, end int64, found bool, err error) {
	if from, err = f.seek(off, unix.SEEK_DATA); errors.Is(err, errNoSuchData) {
		return 0, 0, false, nil
	}
	if err == nil {
		end, err = f.seek(from, unix.SEEK_HOLE)
	}
	return from, end, err == nil, err
}

func (f *file) copyPart(ctx context.Context, from, end int64, to io.Writer) error {
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
