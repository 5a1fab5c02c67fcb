package inodes

import (
	"hash/maphash"
	"sync"

	"clfsload/state"
)

// How many directories have their names remembered, and how many names they have
// together at most.
const (
	dirsFollowed  = 4096
	namesFollowed = 1 << 18
)

// Names remembers, of directories that were made since the file system was mounted,
// the hashes of all names that they ever had. A copy looks each name up
// before it makes it, mostly in such a directory; a hash that is not there needs
// no query.
//
// The kernel lets nobody look up a name while somebody makes one in the same
// directory.
type Names struct {
	seed maphash.Seed

	mu    sync.Mutex
	dirs  map[state.Ino]map[uint64]struct{}
	total int
}

func NewNames() *Names {
	return &Names{seed: maphash.MakeSeed(), dirs: map[state.Ino]map[uint64]struct{}{}}
}

// Follow begins with a directory that is new, and so is empty.
func (n *Names) Follow(dir state.Ino) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dirs[dir] = map[uint64]struct{}{}
	n.limit(dir)
}

// Add tells of a name that a directory is about to get.
func (n *Names) Add(dir state.Ino, name []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	set, found := n.dirs[dir]
	if !found {
		return
	}
	before := len(set)
	set[maphash.Bytes(n.seed, name)] = struct{}{}
	n.total += len(set) - before
	n.limit(dir)
}

// limit drops directories, whichever, when there is too much to remember; the one
// that was used just now goes last.
func (n *Names) limit(used state.Ino) {
	for dir := range n.dirs {
		if len(n.dirs) <= dirsFollowed && n.total <= namesFollowed {
			return
		}
		if dir != used || len(n.dirs) == 1 {
			n.total -= len(n.dirs[dir])
			delete(n.dirs, dir)
		}
	}
}

// Missing reports whether a directory certainly has no such name.
func (n *Names) Missing(dir state.Ino, name []byte) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	set, found := n.dirs[dir]
	if !found {
		return false
	}
	_, found = set[maphash.Bytes(n.seed, name)]
	return !found
}
