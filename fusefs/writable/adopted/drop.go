package adopted

import (
	"context"
	"errors"

	lru "github.com/hashicorp/golang-lru/v2"

	"clfsload/state"
)

const (
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

// Drop keeps the journal small: what was only read of an adopted container is read again when it
// is wanted. It goes over the directories that were read, from where it has come to, until the journal
// knows few enough inodes, or once around. If next to nothing could be dropped then, it waits
// until the journal has grown by an eighth: what is in use, or known to the kernel, stays.
func (p *Part) Drop(ctx context.Context) error {
	if p.Source == nil {
		return nil
	}
	adopted := func() uint64 { return p.Journal.Counts().Adopted }
	if adopted() <= max(p.Most, p.dropStuck+p.dropStuck/8) {
		return nil
	}
	p.dropStuck = 0
	gone := 0
	for around := false; adopted() > p.Most; {
		page, err := p.Journal.Listings(ctx, p.dropAfter, dropDirectories)
		if err != nil {
			return err
		}
		for _, dir := range page {
			n, err := p.DropDirectory(ctx, dir)
			if err != nil {
				return err
			}
			gone += n
			p.dropAfter = dir
		}
		switch {
		case len(page) == dropDirectories:
		case around:
			if uint64(gone)*64 < adopted() {
				p.dropStuck = adopted()
			}
			return nil
		default:
			around, p.dropAfter = true, 0
		}
	}
	return nil
}

// DropDirectory drops the entries of a directory, unless it is in use. Files that the kernel
// remembers and nobody uses go the next time: it is asked to forget them. gone counts both.
func (p *Part) DropDirectory(ctx context.Context, dir state.Ino) (gone int, err error) {
	for after := []byte(nil); ; {
		d, err := p.dropPage(ctx, dir, after)
		if err != nil && !errors.Is(err, state.ErrNoEntry) {
			return gone, err
		}
		gone += d.Count + len(d.Kept)
		for _, name := range d.Kept {
			p.Evict(dir, string(name))
		}
		if d.Next == nil {
			return gone, nil
		}
		after = d.Next
	}
}

func (p *Part) dropPage(ctx context.Context, dir state.Ino, after []byte) (state.Dropped, error) {
	p.known.mu.Lock()
	defer p.known.mu.Unlock()
	if p.Open(dir) || p.recent.Contains(dir) {
		return state.Dropped{}, nil
	}
	d, err := p.Source.Drop(ctx, dir, after, func(ino state.Ino) bool { return p.known.has(ino) || p.InUse(ino) })
	p.Nodes.Invalidate(dir)
	return d, err
}
