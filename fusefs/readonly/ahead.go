package readonly

import (
	"context"
	"sync"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// A follower notices that the entries of a directory are gone through in order.
type follower struct {
	mu     sync.Mutex
	last   slot
	listed bool // somebody listed the directory, and will look at its entries
	steps  int  // in order, so far
	credit int  // steps until it is time to fetch ahead again
}

// How many entries are fetched ahead of lookups and of opened files, and how far
// apart in bytes two entries are at most for one to follow the other.
const (
	entriesAhead  = 64
	filesAhead    = 32
	entryDistance = 4096
)

// expect says that the entries will be gone through in order.
func (f *follower) expect() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listed = true
}

// listing reports whether somebody listed the directory.
func (f *follower) listing() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.listed
}

// step tells of the next entry that was wanted. It reports whether it is time to
// fetch the window entries behind it.
func (f *follower) step(at slot, window int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !follows(at, f.last) {
		f.steps, f.credit = 0, 0
	}
	f.last = at
	f.steps++
	f.credit--
	if f.credit > 0 || f.steps < 2 && !f.listed {
		return false
	}
	f.credit = window / 2
	return true
}

// follows reports whether an entry lies a little behind another one.
func follows(at, last slot) bool {
	if at.segment == last.segment {
		return at.offset >= last.offset && at.offset-last.offset < entryDistance
	}
	return at.segment == last.segment+1 && at.offset < entryDistance
}

// inodesAhead fetches the inodes of the entries that come behind one. rest are
// those in the same segment. When somebody walks down, directories among them
// have the inodes that they begin with fetched too: otherwise the walk would
// wait at each directory for its first entry.
func (d *directory) inodesAhead(l *listing, at slot, rest []byte) {
	then := func(Node) bool { return true }
	if d.walked.Load() {
		then = d.sys.firstAhead
	}
	d.sys.following(l, at, rest, entriesAhead, func(id clfs.ID) bool { return d.sys.inodeAhead(id, then) })
}

// inodeAhead fetches an inode and calls then with it, later or at once. It
// reports false if there is no room for more.
func (r *system) inodeAhead(id clfs.ID, then func(Node) bool) bool {
	known := r.outdated(id, r.rounds.since())
	if n, found := r.nodes.Peek(id); found {
		return then(n.Node)
	}
	return r.nodes.Ahead(id, expectedInode, func(ctx context.Context) (stampedNode, int64, error) {
		n, cost, err := r.fetchNode(id, known)(ctx)
		if err == nil {
			then(n.Node)
		}
		return n, cost, err
	})
}

// firstEntries is how many inodes are fetched of a directory that a walk will
// come to.
const firstEntries = 16

// firstAhead fetches the inodes of a directory's first entries.
func (r *system) firstAhead(n Node) bool {
	return r.firstOf(n, func(id clfs.ID) bool { return r.inodeAhead(id, func(Node) bool { return true }) })
}

// firstOf calls fn for a directory's first entries, until it returns false.
func (r *system) firstOf(n Node, fn func(clfs.ID) bool) bool {
	if n.Inode().Attr.Type != clfs.TypeDirectory {
		return true
	}
	left := firstEntries
	for d, err := range object.Dirents(n.Inode().Dirents) {
		if err != nil || left == 0 {
			break
		}
		if shown(d.Name) {
			left--
			if !fn(d.ID) {
				return false
			}
		}
	}
	return true
}

// copyMemory is for how many directories that are listed the last file that was
// opened lets expect that files will be opened in them too.
const copyMemory = 8

// copying is told that a directory was listed. Where somebody goes from
// directory to directory and opens files, it fetches what the files in this one
// begin with, and those at the beginning of the directories below.
func (d *directory) copying(l *listing) {
	if d.sys.opened.Add(-1) < 0 {
		d.sys.opened.Store(0)
		return
	}
	d.opens.expect()
	d.sys.following(l, slot{}, l.first, filesAhead, func(id clfs.ID) bool {
		return d.sys.inodeAhead(id, func(n Node) bool {
			return d.sys.beginningAhead(id, n) && d.sys.firstOf(n, d.sys.fileAhead)
		})
	})
}

// fileAhead fetches an inode, and what it begins with if it is a file.
func (r *system) fileAhead(id clfs.ID) bool {
	return r.inodeAhead(id, func(n Node) bool { return r.beginningAhead(id, n) })
}

// opened is told that a file in the directory is opened. When files are
// opened in order, it fetches the inodes of the next ones, which the kernel does
// not ask for if it has their attributes, and what the files begin with.
// The listing must be that of the version in which the file was looked up.
func (d *directory) opened(p place) {
	d.sys.opened.Store(copyMemory)
	if !d.opens.step(p.slot, filesAhead) {
		return
	}
	n, found := d.sys.nodes.Peek(d.id)
	if !found || n.Version() != p.version {
		return
	}
	l, found := d.sys.listings.Peek(versionKey{d.id, p.version})
	if !found {
		d.sys.listings.Ahead(versionKey{d.id, p.version}, expectedInode, d.sys.fetchListing(d.id, n.Node))
		return
	}
	raw := l.first
	if p.slot.segment > 0 {
		raw, _ = d.sys.segments.Peek(l.block(uint64(p.slot.segment)))
	}
	_, rest := entryAt(raw, p.slot.offset)
	d.sys.following(l, p.slot, rest, filesAhead, d.sys.fileAhead)
}

// beginningAhead fetches the first segment of a file.
func (r *system) beginningAhead(id clfs.ID, n Node) bool {
	if n.Inode().Attr.Type != clfs.TypeRegular {
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
func (r *system) following(l *listing, at slot, rest []byte, n int, fn func(clfs.ID) bool) {
	for number := uint64(at.segment); n > 0; number++ {
		for d, err := range object.Dirents(rest) {
			if isDot(d.Name) {
				continue
			}
			if n--; err != nil || n < 0 || shown(d.Name) && !fn(d.ID) {
				return
			}
		}
		next, found := r.segments.Peek(l.block(number + 1))
		if !found {
			return
		}
		rest = next
	}
}
