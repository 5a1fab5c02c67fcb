package inodes

import (
	"context"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"clfsload/state"
)

// nodesKept is how many nodes are remembered that were looked at last.
const nodesKept = 8192

// Cache remembers rows of the journal, for their attributes. Those that the
// engine changes (state, generations) may be old.
//
// A row may be read before a change and come here after it. So whoever reads one
// takes the number of changes before, and it is kept only if that is still the
// same.
type Cache struct {
	journal *state.Journal
	read    func(state.Unread) error

	mu      sync.Mutex
	changes uint64
	kept    *lru.Cache[state.Ino, state.Node]
}

func NewCache(j *state.Journal, read func(state.Unread) error) *Cache {
	kept, err := lru.New[state.Ino, state.Node](nodesKept)
	if err != nil {
		panic(err) // the size is a constant above zero
	}
	return &Cache{journal: j, read: read, kept: kept}
}

// Get returns a node.
func (c *Cache) Get(ctx context.Context, ino state.Ino) (state.Node, error) {
	c.mu.Lock()
	n, found := c.kept.Get(ino)
	before := c.changes
	c.mu.Unlock()
	if found {
		return n, nil
	}
	n, err := c.journal.Node(ctx, ino)
	if err == nil && n.State == state.Remote {
		if err = c.read(state.Unread{Ino: ino, Part: state.Attributes}); err == nil {
			return c.Get(ctx, ino)
		}
	}
	if err == nil {
		c.add(before, n)
	}
	return n, err
}

// Lookup returns the node of a name. It may be one that was not read yet.
func (c *Cache) Lookup(ctx context.Context, dir state.Ino, name []byte) (state.Node, error) {
	before := c.Changes()
	n, err := c.journal.Lookup(ctx, dir, name)
	if err == nil && n.State != state.Remote {
		c.add(before, n)
	}
	return n, err
}

// Changes is the number of changes so far.
func (c *Cache) Changes() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes
}

// add keeps a node that was read when there had been this many changes.
func (c *Cache) add(before uint64, n state.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == before {
		c.kept.Add(n.Ino, n)
	}
}

// Changed tells what became of a node by a change. Changes at the same time may be told
// in another order than they were made.
func (c *Cache) Changed(n state.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	if kept, found := c.kept.Get(n.Ino); !found || kept.Seq <= n.Seq {
		c.kept.Add(n.Ino, n)
	}
}

// Newest returns what became of a node since it was read.
func (c *Cache) Newest(n state.Node) state.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept, found := c.kept.Get(n.Ino); found && kept.Seq > n.Seq {
		return kept
	}
	return n
}

// Entered tells that an entry of a directory came, went or moved, and how many
// directories it has more by that.
func (c *Cache) Entered(dir state.Ino, at int64, directories int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	if n, found := c.kept.Get(dir); found {
		n.Attr.Mtime, n.Attr.Ctime = at, at
		n.Links = uint32(int(n.Links) + directories)
		n.Attr.Nlink = uint64(n.Links)
		c.kept.Add(dir, n)
	}
}

// Invalidate drops a node, because not all of it is true any more.
func (c *Cache) Invalidate(ino state.Ino) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.kept.Remove(ino)
}
