package adopted

import (
	"context"
	"errors"
	"fmt"

	"clfsload/fusefs"
	"clfsload/fusefs/writable/inodes"
	"clfsload/rescue"
	"clfsload/state"
)

// A Source reads what an adopted container has and the journal does not have yet. It is used by many
// goroutines.
type Source interface {
	// Read adopts what a change was refused for.
	Read(ctx context.Context, u state.Unread) error
	// Drop takes a page of entries of a directory out of the journal again that inUse does
	// not report.
	Drop(ctx context.Context, dir state.Ino, after []byte, inUse func(state.Ino) bool) (state.Dropped, error)
}

// Options are what the part of a container needs that the journal has.
type Options struct {
	Journal *state.Journal
	Nodes   *inodes.Cache
	Source  Source // nil: the container was made with the journal, which has all of it
	Most    uint64 // nodes that the journal has, roughly, before directories that were only read are dropped from it

	Open  func(dir state.Ino) bool         // whether a directory has handles
	InUse func(ino state.Ino) bool         // whether a node has handles
	Evict func(dir state.Ino, name string) // asks the kernel to forget a name that nobody uses
}

// Part is the part of a container that the journal has. The rest is read when it is used.
type Part struct {
	Options
	ctx    context.Context // of all reading
	known  *known
	ahead  *readAhead
	recent recency

	dropAfter state.Ino // directories up to this one were looked at, to be dropped
	dropStuck uint64    // so many inodes stayed when all directories had been looked at
}

// New makes it. ctx is that of the mount.
func New(ctx context.Context, o Options) *Part {
	return &Part{Options: o, ctx: ctx, known: newKnown(), ahead: newReadAhead(ctx, o.Journal, o.Source), recent: newRecency()}
}

// MostReadings is more than one call needs: each link of an inode may be in another directory.
const MostReadings = 2000

// Retry makes a call that is refused as long as something was not read, and reads that.
// ctx is the caller's: it is let go if it dies meanwhile.
func (p *Part) Retry(ctx context.Context, call func() error) error {
	for range MostReadings {
		err := call()
		var unread *state.Unread
		if !errors.As(err, &unread) {
			return err
		}
		if err := p.Read(ctx, *unread); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: what was read from the container is not there", ErrAdopt)
}

var ErrAdopt = errors.New("adopt the container")

// Read adopts a part of the container. It goes on if the caller dies.
func (p *Part) Read(ctx context.Context, u state.Unread) error {
	if p.Source == nil {
		return fmt.Errorf("%w: %w", ErrAdopt, &u)
	}
	var err error
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		err = rescue.Call(func() error { return p.Source.Read(p.ctx, u) })
		p.Nodes.Invalidate(u.Ino)
	}()
	if gone := fusefs.Await(ctx, ready); gone != nil {
		return gone
	}
	return err
}

// Find looks a name up and tells the kernel of it.
func (p *Part) Find(ctx context.Context, dir state.Ino, name []byte, tell func(state.Node)) error {
	return p.Retry(ctx, func() error {
		defer p.Pin()()
		n, err := p.lookup(dir, name)
		if err != nil {
			return err
		}
		if p.Source != nil {
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

// lookup looks a name up in a directory whose entries may have to be read first. Inodes are
// pinned.
func (p *Part) lookup(dir state.Ino, name []byte) (state.Node, error) {
	n, err := p.Nodes.Lookup(p.ctx, dir, name)
	if p.Source == nil {
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
	return p.Nodes.Lookup(p.ctx, dir, name)
}

// checkListed returns state.Unread if not all entries of a directory are in the journal.
func (p *Part) checkListed(dir state.Ino) error {
	n, err := p.Journal.Node(p.ctx, dir)
	if err == nil && n.Flags&state.Unlisted != 0 {
		return &state.Unread{Ino: dir, Part: state.Entries}
	}
	return err
}

// CheckOpened returns state.Unread if not all entries of a directory that was opened are in the
// journal.
func (p *Part) CheckOpened(dir state.Ino) error {
	if p.Source == nil {
		return nil
	}
	defer p.Pin()() // not while entries are dropped: then nobody had opened it yet
	return p.checkListed(dir)
}

// Use is told that a directory is used: it stays for a while.
func (p *Part) Use(dir state.Ino) { p.recent.use(dir) }
