package fusefs

import (
	"sync"

	"clfsload/clfs"
)

// A follower notices that the entries of a directory are gone through in order.
type follower struct {
	mu     sync.Mutex
	last   slot
	listed bool // somebody listed the directory, and will look at its entries
	steps  int  // in order, so far
	credit int  // steps until it is time to fetch ahead again
}

// How far ahead a follower looks, in entries, and how far apart in bytes
// two entries are at most for one to follow the other.
const (
	entriesAhead  = 64
	entryDistance = 4096
)

// expect says that the entries will be gone through in order.
func (f *follower) expect() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listed = true
}

// step tells of the next entry that was wanted. It returns how many entries
// behind it to fetch now, 0 most of the time.
func (f *follower) step(at slot) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !follows(at, f.last) {
		f.steps, f.credit = 0, 0
	}
	f.last = at
	f.steps++
	f.credit--
	if f.credit > 0 || f.steps < 2 && !f.listed {
		return 0
	}
	f.credit = entriesAhead / 2
	return entriesAhead
}

// follows reports whether an entry lies a little behind another one.
func follows(at, last slot) bool {
	if at.segment == last.segment {
		return at.offset >= last.offset && at.offset-last.offset < entryDistance
	}
	return at.segment == last.segment+1 && at.offset < entryDistance
}

// inodesAhead fetches the inodes of the n entries that come behind one. rest
// are those in the same segment.
func (d *directory) inodesAhead(l *listing, at slot, rest []byte, n int) {
	d.sys.following(l, at, rest, n, func(id clfs.ID) bool {
		return d.sys.nodes.ahead(id, expectedInode, d.sys.fetchNode(id))
	})
}

// filesAhead is how many small files' contents are fetched ahead.
const filesAhead = 16

// opened is told that a file in the directory is opened. When files are
// opened in order, it fetches what the next ones begin with.
func (d *directory) opened(at slot) {
	if d.opens.step(at) == 0 {
		return
	}
	l, found := d.sys.listings.peek(d.id)
	if !found {
		return
	}
	raw, found := l.first, true
	if at.segment > 0 {
		raw, found = d.sys.segments.peek(blockKey{d.id, uint64(at.segment)})
	}
	if !found {
		return
	}
	_, rest := entryAt(raw, at.offset)
	d.sys.following(l, at, rest, filesAhead, d.sys.beginningAhead)
}

// beginningAhead fetches the first segment of a file whose inode is known.
func (r *readOnly) beginningAhead(id clfs.ID) bool {
	n, found := r.nodes.peek(id)
	if !found || n.Inode().Attr.Type != clfs.TypeRegular {
		return true
	}
	c := cutOf(n.Inode())
	if c.size <= c.first {
		return true
	}
	return r.chunkAhead(id, n, c, 1)
}

// following calls fn for the n entries behind one, until it returns false. The
// next segment belongs to them if it is at hand.
func (r *readOnly) following(l *listing, at slot, rest []byte, n int, fn func(clfs.ID) bool) {
	for number := uint64(at.segment); n > 0; number++ {
		for d, err := range clfs.Dirents(rest) {
			if n--; err != nil || n < 0 || shown(d.Name) && !fn(d.ID) {
				return
			}
		}
		next, found := r.segments.peek(blockKey{l.id, number + 1})
		if !found {
			return
		}
		rest = next
	}
}
