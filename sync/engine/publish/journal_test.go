package publish

import (
	"maps"
	"slices"

	"clfsload/clfs"
	"clfsload/state"
)

// journal restates on maps what package state stores for publications, and by which rules.
// An inode that is not a directory has one blob, and is uploaded by one call.
type journal struct {
	nodes      map[state.Ino]*node
	tombstones []tombstone
	garbage    []blobName
	next       state.Ino

	seq       uint64 // number of the last change
	begun     uint64 // publications
	reached   uint64 // number of the last publication whose new directories are all put
	completed uint64 // number of the last complete publication
	published uint64 // number of the last change that it has
}

type node struct {
	state.Node
	entries map[string]state.Ino // of a directory
	names   []place
}

// place is where an entry is.
type place struct {
	dir  state.Ino
	name string
}

type tombstone struct {
	place
	ino, successor state.Ino
	seq            uint64
}

type blobName struct {
	ino, owner state.Ino
	version    uint32
}

func newJournal() *journal {
	j := &journal{nodes: map[state.Ino]*node{}, next: state.RootIno}
	j.newNode(clfs.TypeDirectory)
	return j
}

// clone is a snapshot.
func (j *journal) clone() *journal {
	c := *j
	c.nodes = make(map[state.Ino]*node, len(j.nodes))
	for ino, n := range j.nodes {
		c.nodes[ino] = &node{n.Node, maps.Clone(n.entries), slices.Clone(n.names)}
	}
	c.tombstones = slices.Clone(j.tombstones)
	return &c
}

func (j *journal) newNode(typ clfs.Type) *node {
	n := &node{}
	n.Ino, n.Attr.Type, n.Version = j.next, typ, clfs.FirstVersion
	j.next++
	if n.IsDirectory() {
		n.entries = map[string]state.Ino{}
	}
	j.nodes[n.Ino] = n
	j.touch(n)
	return n
}

// lives reports whether an inode has a name.
func (j *journal) lives(ino state.Ino) bool {
	n := j.nodes[ino]
	return n != nil && n.State != state.Removed
}

func (j *journal) uploaded(ino state.Ino) bool { return j.nodes[ino].PutVersion != 0 }

func (j *journal) inReach(n *node) bool { return 0 < n.PutPub && n.PutPub <= j.begun }

func (j *journal) isPublishing() bool { return j.begun != j.completed }

func (j *journal) nextSeq() uint64 {
	j.seq++
	return j.seq
}

func (j *journal) touch(n *node) {
	n.Seq = j.nextSeq()
	switch {
	case n.State == state.Removed:
	case n.IsDirectory():
		n.State = state.Held
	default:
		n.State = state.Dirty
		n.Flags |= state.Renamed
	}
}

func (j *journal) setEntry(dir *node, name string, n *node) {
	dir.entries[name] = n.Ino
	n.names = append(n.names, place{dir.Ino, name})
}

func (j *journal) clearEntry(dir *node, name string, n *node) {
	delete(dir.entries, name)
	n.names = slices.DeleteFunc(n.names, func(p place) bool { return p == place{dir.Ino, name} })
}

func (j *journal) mayBeListed(n *node) bool {
	return j.inReach(n) || n.IsDirectory() && j.isPublishing()
}

func (j *journal) leave(dir *node, name string, n *node, successor state.Ino) {
	if !j.mayBeListed(dir) || !j.mayBeListed(n) {
		return
	}
	if n.State == state.Removed && successor == 0 && !j.hasTombstones(n.Ino) {
		return
	}
	t := tombstone{place{dir.Ino, name}, n.Ino, successor, j.nextSeq()}
	j.tombstones = slices.DeleteFunc(j.tombstones, func(old tombstone) bool { return old.place == t.place && old.ino == t.ino })
	j.tombstones = append(j.tombstones, t)
}

func (j *journal) succeed(old, n, dir *node) {
	seq := j.nextSeq()
	for i := range j.tombstones {
		t := &j.tombstones[i]
		switch {
		case t.ino == old.Ino && t.successor == 0 && t.dir != dir.Ino:
			t.successor = n.Ino
		case t.successor == old.Ino:
			t.successor, t.seq = n.Ino, seq
		}
	}
}

func (j *journal) hasTombstones(dir state.Ino) bool {
	return slices.ContainsFunc(j.tombstones, func(t tombstone) bool { return t.dir == dir })
}

func (j *journal) dropTombstones(dir state.Ino, snapshot uint64) {
	j.tombstones = slices.DeleteFunc(j.tombstones, func(t tombstone) bool {
		if t.dir != dir || t.seq > snapshot {
			return false
		}
		s := j.nodes[t.successor]
		return s == nil || s.State == state.Removed && s.Seq <= snapshot || j.inReach(s)
	})
}

func (j *journal) dropTombstonesOf(dir state.Ino) {
	j.tombstones = slices.DeleteFunc(j.tombstones, func(t tombstone) bool { return t.dir == dir })
}

// abandon makes garbage of the blobs that the publication in progress may put of a directory.
func (j *journal) abandon(n *node) {
	if !n.IsDirectory() || !j.isPublishing() {
		return
	}
	for range 2 {
		j.garbage = append(j.garbage, blobName{n.Ino, n.Parent, n.Version})
		n.Version++
	}
}

func (j *journal) add(dir *node, name string, typ clfs.Type) *node {
	n := j.newNode(typ)
	n.Parent = dir.Ino
	j.setEntry(dir, name, n)
	j.grow(dir)
	return n
}

// grow notes that a directory got an entry.
func (j *journal) grow(dir *node) {
	dir.Flags |= state.Grown
	j.touch(dir)
}

func (j *journal) link(n, dir *node, name string) {
	j.setEntry(dir, name, n)
	j.touch(n)
	j.grow(dir)
}

// unlink is for directories as well.
func (j *journal) unlink(dir *node, name string, n *node) {
	j.dropName(dir, name, n, nil)
	j.touch(dir)
}

func (j *journal) dropName(dir *node, name string, n, successor *node) {
	j.clearEntry(dir, name, n)
	j.touch(n)
	if len(n.names) == 0 {
		n.State = state.Removed
		j.abandon(n)
	}
	if n.IsDirectory() || successor == nil {
		j.leave(dir, name, n, 0)
		return
	}
	j.leave(dir, name, n, successor.Ino)
	if n.State == state.Removed {
		j.succeed(n, successor, dir)
	}
}

// move renames an entry; other is what has the new name, or nil.
func (j *journal) move(from *node, name string, to *node, newName string, moved, other *node) {
	j.clearEntry(from, name, moved)
	if other != nil {
		j.dropName(to, newName, other, moved)
	}
	j.setEntry(to, newName, moved)
	j.rehome(moved, from, name, to)
	j.touch(from)
	if to != from {
		j.grow(to)
	}
}

func (j *journal) exchange(from *node, name string, to *node, newName string, moved, other *node) {
	j.clearEntry(from, name, moved)
	j.clearEntry(to, newName, other)
	j.setEntry(to, newName, moved)
	j.setEntry(from, name, other)
	j.rehome(moved, from, name, to)
	j.rehome(other, to, newName, from)
	j.touch(from)
	if to != from {
		j.grow(from)
		j.grow(to)
	}
}

func (j *journal) rehome(n, from *node, name string, to *node) {
	if n.IsDirectory() && from != to {
		j.abandon(n)
		n.Parent = to.Ino
	}
	j.touch(n)
	j.leave(from, name, n, 0)
}

func (j *journal) upload(n *node) {
	n.PutVersion, n.PutPub, n.State = n.Version, j.begun+1, state.Done
	n.Flags &^= state.Renamed
}

func (j *journal) beginPublication() {
	if j.reached < j.begun {
		for _, n := range j.nodes {
			if n.State == state.Removed && n.IsDirectory() && n.PutPub > j.reached {
				n.PutPub = 0
			}
		}
	}
	j.begun++
}

func (j *journal) recordPut(p state.Put) {
	n := j.nodes[p.Node.Ino]
	if n == nil {
		return
	}
	asPut := n.Seq == p.Node.Seq && n.State != state.Removed
	if !n.IsDirectory() {
		if asPut {
			n.Flags &^= state.Renamed
		}
		return
	}
	j.recordVersion(n, p)
	if asPut = asPut && p.Complete; asPut {
		n.Flags &^= state.Grown
	}
	if !p.Final {
		return
	}
	j.dropTombstones(n.Ino, p.Snapshot)
	if asPut && !j.hasTombstones(n.Ino) {
		n.State = state.Done
	}
}

func (j *journal) recordVersion(n *node, p state.Put) {
	put := blobName{n.Ino, p.Node.Parent, p.Node.Version}
	j.garbage = slices.DeleteFunc(j.garbage, func(b blobName) bool { return b == put })
	if n.PutVersion != 0 {
		j.garbage = append(j.garbage, blobName{n.Ino, state.Ino(n.PutOwner), n.PutVersion})
	}
	n.PutVersion, n.PutOwner = put.version, uint64(put.owner)
	if n.PutPub == 0 {
		n.PutPub = j.begun
	}
	n.Version = max(n.Version, put.version+1)
}

func (j *journal) endPublication(snapshot uint64) {
	for _, n := range j.nodes {
		if n.State == state.Removed && n.IsDirectory() && n.Seq <= snapshot {
			j.dropTombstonesOf(n.Ino)
		}
	}
	j.published, j.completed = snapshot, j.begun
}

// isFree reports whether the blobs of an inode may be deleted.
func (j *journal) isFree(n *node) bool {
	return n.State == state.Removed && !j.isPublishing() && (n.Seq <= j.published || !j.inReach(n)) &&
		!slices.ContainsFunc(j.tombstones, func(t tombstone) bool { return t.ino == n.Ino })
}
