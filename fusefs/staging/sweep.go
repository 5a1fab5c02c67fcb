package staging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"clfsload/state"
)

// Usage is what staging files take, in bytes.
type Usage struct {
	Bytes int64 // taken on the disk
	Limit int64 // that they may take
	Free  int64 // of that, what can be had now
}

// Account tells that the staging file of an inode takes more bytes on the disk
// than before, or fewer.
func (s *Store) Account(ino state.Ino, change int64) {
	if change != 0 && s.buckets[ino&0xff].counted.Load() {
		s.usage.Add(change)
	}
}

// Usage is how many bytes the staging files take on the disk. whole is false as
// long as [Store.Sweep] has not counted them all.
func (s *Store) Usage() (bytes int64, whole bool) { return max(s.usage.Load(), 0), s.counted.Load() }

// Sweep counts what the files take, and removes those that are not wanted any
// more: a crash came between the removal of an inode and that of its file. The
// mount may serve meanwhile. wanted must know of a file before it is created. An
// error of wanted ends the sweep.
func (s *Store) Sweep(ctx context.Context, wanted func(state.Ino) (bool, error)) error {
	for i := range s.buckets {
		if err := s.sweep(ctx, i, wanted); err != nil {
			return fmt.Errorf("look through staging files: %w", err)
		}
	}
	s.counted.Store(true)
	return nil
}

func (s *Store) sweep(ctx context.Context, number int, wanted func(state.Ino) (bool, error)) error {
	dir, err := os.Open(filepath.Join(s.dir, bucketName(number)))
	if err != nil {
		return err
	}
	defer dir.Close()
	s.buckets[number].counted.Store(true)
	for {
		names, err := dir.Readdirnames(1000)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := s.sweepFile(ctx, number, name, wanted); err != nil {
				return err
			}
		}
	}
}

func (s *Store) sweepFile(ctx context.Context, number int, name string, wanted func(state.Ino) (bool, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n, err := strconv.ParseUint(name, 16, 64)
	ino := state.Ino(n)
	if err != nil || int(ino&0xff) != number {
		return nil // not ours
	}
	keep, err := wanted(ino)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if unix.Lstat(s.path(ino), &st) != nil {
		return nil // removed in the meantime
	}
	s.usage.Add(st.Blocks * 512)
	if keep {
		return nil
	}
	return s.Remove(ino)
}
