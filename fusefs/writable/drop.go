package writable

import (
	"context"
	"errors"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"clfsload/state"
)

const (
	// dropInterval is how often it is looked whether the journal knows too much.
	dropInterval = 5 * time.Second
	// dropDirectories is how many directories are looked at in a row.
	dropDirectories = 128
	// lastUsed is how many directories stay that were used last.
	lastUsed = 1024
)

// recency remembers the directories that were used last.
type recency struct {
	*lru.Cache[state.Ino, struct{}]
}

func newRecency() recency {
	used, err := lru.New[state.Ino, struct{}](lastUsed)
	if err != nil {
		panic(err) // the size is a constant above zero
	}
	return recency{used}
}

func (r recency) use(dir state.Ino) { r.Add(dir, struct{}{}) }

// dropping keeps the journal small, until the file system is closed: what was only read of an
// adopted container is read again when it is wanted.
func (s *FS) dropping() {
	if s.options.Adopter == nil {
		return
	}
	s.every(dropInterval, "drop what was only read", func() error { return s.drop(s.ctx) })
}

// drop goes over the directories that were read, from where it has come to, until the journal
// knows few enough inodes, or once around. If next to nothing could be dropped then, it waits
// until the journal has grown by an eighth: what is in use, or known to the kernel, stays.
func (s *FS) drop(ctx context.Context) error {
	adopted := func() uint64 { return s.journal.Counts().Adopted }
	if adopted() <= max(s.options.MostAdopted, s.dropStuck+s.dropStuck/8) {
		return nil
	}
	s.dropStuck = 0
	gone := 0
	for around := false; adopted() > s.options.MostAdopted; {
		page, err := s.journal.Listings(ctx, s.dropAfter, dropDirectories)
		if err != nil {
			return err
		}
		for _, dir := range page {
			n, err := s.dropDirectory(ctx, dir)
			if err != nil {
				return err
			}
			gone += n
			s.dropAfter = dir
		}
		switch {
		case len(page) == dropDirectories:
		case around:
			if uint64(gone)*64 < adopted() {
				s.dropStuck = adopted()
			}
			return nil
		default:
			around, s.dropAfter = true, 0
		}
	}
	return nil
}

// dropDirectory drops the entries of a directory, unless it is in use. Files that the kernel
// remembers and nobody uses go the next time: it is asked to forget them. gone counts both.
func (s *FS) dropDirectory(ctx context.Context, dir state.Ino) (gone int, err error) {
	for after := []byte(nil); ; {
		d, err := s.dropPage(ctx, dir, after)
		if err != nil && !errors.Is(err, state.ErrNoEntry) {
			return gone, err
		}
		gone += d.Count + len(d.Kept)
		for _, name := range d.Kept {
			if !s.isAttached() {
				break
			}
			s.mount.Forget(uint64(dir), string(name))
		}
		if d.Next == nil {
			return gone, nil
		}
		after = d.Next
	}
}

func (s *FS) dropPage(ctx context.Context, dir state.Ino, after []byte) (state.Dropped, error) {
	s.known.mu.Lock()
	defer s.known.mu.Unlock()
	if s.directories.has(dir) || s.recent.Contains(dir) {
		return state.Dropped{}, nil
	}
	d, err := s.options.Adopter.Drop(ctx, dir, after, func(ino state.Ino) bool { return s.known.has(ino) || s.inUse(ino) })
	s.nodes.forget(dir)
	return d, err
}
