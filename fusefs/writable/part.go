package writable

import (
	"context"
	"errors"
	"fmt"

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

// partialOptions are what the part of a container needs that the journal has.
type partialOptions struct {
	Journal *state.Journal
	Nodes   *nodes
	Adopter Adopter // nil: the container was made with the journal, which has all of it
	Most    uint64  // nodes that the journal has, roughly, before directories that were only read are dropped from it

	Open  func(dir state.Ino) bool         // whether a directory has handles
	InUse func(ino state.Ino) bool         // whether a node has handles
	Evict func(dir state.Ino, name string) // asks the kernel to forget a name that nobody uses
}

// partial is the part of a container that the journal has. The rest is read when it is used.
type partial struct {
	partialOptions
	ctx    context.Context // of all reading
	known  *known
	ahead  *readAhead
	recent recency

	dropAfter state.Ino // directories up to this one were looked at, to be dropped
	dropStuck uint64    // so many inodes stayed when all directories had been looked at
}

// newPartial makes it. ctx is that of the mount.
func newPartial(ctx context.Context, o partialOptions) *partial {
	return &partial{partialOptions: o, ctx: ctx, known: newKnown(), ahead: newReadAhead(ctx, o.Journal, o.Adopter), recent: newRecency()}
}

// mostReadings is more than one call needs: each link of an inode may be in another directory.
const mostReadings = 2000

// adopting makes a call that is refused as long as something was not read, and reads that.
// ctx is the caller's: it is let go if it dies meanwhile.
func (p *partial) adopting(ctx context.Context, call func() error) error {
	for range mostReadings {
		err := call()
		var unread *state.Unread
		if !errors.As(err, &unread) {
			return err
		}
		if err := p.read(ctx, *unread); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: what was read from the container is not there", errAdoption)
}

var errAdoption = errors.New("adopt the container")

// read adopts a part of the container. It goes on if the caller dies.
func (p *partial) read(ctx context.Context, u state.Unread) error {
	if p.Adopter == nil {
		return fmt.Errorf("%w: %w", errAdoption, &u)
	}
	var err error
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		err = rescue.Call(func() error { return p.Adopter.Read(p.ctx, u) })
		p.Nodes.invalidate(u.Ino)
	}()
	if gone := fetch.Await(ctx, ready); gone != nil {
		return gone
	}
	return err
}

// find looks a name up and tells the kernel of it.
func (p *partial) find(ctx context.Context, dir state.Ino, name []byte, tell func(state.Node)) error {
	return p.adopting(ctx, func() error {
		defer p.pin()()
		n, err := p.lookup(dir, name)
		if err != nil {
			return err
		}
		if p.Adopter != nil {
			if n.State == state.Remote {
				p.ahead.missed(dir)
				return &state.Unread{Ino: n.Ino, Part: state.Attributes}
			}
			p.ahead.looked(dir)
		}
		tell(n)
		return nil
	})
}

// lookup looks a name up in a directory whose entries may have to be read first. known.mu is held
// for reading.
func (p *partial) lookup(dir state.Ino, name []byte) (state.Node, error) {
	n, err := p.Nodes.lookup(p.ctx, dir, name)
	if p.Adopter == nil {
		return n, err
	}
	p.recent.use(dir)
	if !errors.Is(err, state.ErrNoEntry) {
		return n, err
	}
	if err := p.checkListed(dir); err != nil {
		return n, err
	}
	// Somebody else may have read them just now.
	return p.Nodes.lookup(p.ctx, dir, name)
}

// checkListed returns state.Unread if not all entries of a directory are in the journal.
func (p *partial) checkListed(dir state.Ino) error {
	n, err := p.Journal.Node(p.ctx, dir)
	if err == nil && n.Flags&state.Unlisted != 0 {
		return &state.Unread{Ino: dir, Part: state.Entries}
	}
	return err
}

// checkOpened returns state.Unread if not all entries of a directory that was opened are in the
// journal.
func (p *partial) checkOpened(dir state.Ino) error {
	if p.Adopter == nil {
		return nil
	}
	defer p.pin()() // not while entries are dropped: then nobody had opened it yet
	return p.checkListed(dir)
}

// use is told that a directory is used: it stays for a while.
func (p *partial) use(dir state.Ino) { p.recent.use(dir) }
