package writable

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"clfsload/fusefs/internal/fetch"
	"clfsload/rescue"
	"clfsload/state"
)

// An Adopter reads of a container that was there before what the journal does not have yet.
// It is used by many goroutines.
type Adopter interface {
	// Read adopts what a change was refused for.
	Read(ctx context.Context, u state.Unread) error
	// Drop takes a page of entries of a directory out of the journal again that inUse does
	// not report.
	Drop(ctx context.Context, dir state.Ino, after []byte, inUse func(state.Ino) bool) (state.Dropped, error)
}

// mostReadings is more than one call needs: each link of an inode may be in another directory.
const mostReadings = 2000

// adopting makes a call that is refused as long as something was not read, and reads that.
// ctx is the caller's: it is let go if it dies meanwhile.
func (s *FS) adopting(ctx context.Context, call func() error) error {
	for range mostReadings {
		err := call()
		var unread *state.Unread
		if !errors.As(err, &unread) {
			return err
		}
		if err := s.read(ctx, *unread); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: what was read from the container is not there", errAdoption)
}

var errAdoption = errors.New("adopt the container")

// read adopts a part of the container. It goes on if the caller dies.
func (s *FS) read(ctx context.Context, u state.Unread) error {
	if s.options.Adopter == nil {
		return fmt.Errorf("%w: %w", errAdoption, &u)
	}
	var err error
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		err = rescue.Call(func() error { return s.options.Adopter.Read(s.ctx, u) })
		s.nodes.forget(u.Ino)
	}()
	if gone := fetch.Await(ctx, ready); gone != nil {
		return gone
	}
	return err
}

// known counts how often the kernel was told of each adopted inode, and has not forgotten it:
// these stay in the journal. The kernel's own memory for them is many times that.
type known struct {
	mu    sync.RWMutex // held to drop inodes, and for reading while the kernel is told of one
	count sync.Mutex
	inos  map[state.Ino]uint64
}

func newKnown() *known { return &known{inos: map[state.Ino]uint64{}} }

// add counts an inode that the kernel is told of. mu is held for reading.
func (k *known) add(n *state.Node) {
	if n.Flags&state.Adopted == 0 {
		return
	}
	k.count.Lock()
	defer k.count.Unlock()
	k.inos[n.Ino]++
}

// forget is told that the kernel has forgotten an inode of which it was told times times.
func (k *known) forget(ino state.Ino, times uint64) {
	k.count.Lock()
	defer k.count.Unlock()
	if k.inos[ino] > times {
		k.inos[ino] -= times
	} else {
		delete(k.inos, ino)
	}
}

func (k *known) has(ino state.Ino) bool {
	k.count.Lock()
	defer k.count.Unlock()
	return k.inos[ino] > 0
}

// Forget is told by the kernel that it does not know an inode any longer.
func (s *FS) Forget(node, lookups uint64) { s.known.forget(state.Ino(node), lookups) }

// find looks a name up and tells the kernel of it.
func (s *FS) find(ctx context.Context, dir state.Ino, name []byte, tell func(state.Node)) error {
	return s.adopting(ctx, func() error {
		s.known.mu.RLock()
		defer s.known.mu.RUnlock()
		n, err := s.lookup(dir, name)
		if err != nil {
			return err
		}
		if s.options.Adopter != nil {
			if n.State == state.Remote {
				s.sweeps.missed(dir)
				return &state.Unread{Ino: n.Ino, Part: state.Attributes}
			}
			s.sweeps.looked(dir)
		}
		tell(n)
		return nil
	})
}

// lookup looks a name up in a directory whose entries may have to be read first. known.mu is held
// for reading.
func (s *FS) lookup(dir state.Ino, name []byte) (state.Node, error) {
	n, err := s.nodes.lookup(s.ctx, dir, name)
	if s.options.Adopter == nil {
		return n, err
	}
	s.recent.use(dir)
	if !errors.Is(err, state.ErrNoEntry) {
		return n, err
	}
	if err := s.checkListed(dir); err != nil {
		return n, err
	}
	// Somebody else may have read them just now.
	return s.nodes.lookup(s.ctx, dir, name)
}

// checkListed returns state.Unread if not all entries of a directory are in the journal.
func (s *FS) checkListed(dir state.Ino) error {
	n, err := s.journal.Node(s.ctx, dir)
	if err == nil && n.Flags&state.Unlisted != 0 {
		return &state.Unread{Ino: dir, Part: state.Entries}
	}
	return err
}
