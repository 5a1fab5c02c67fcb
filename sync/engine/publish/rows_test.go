package publish

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"

	"clfsload/clfs"
	"clfsload/state"
)

// A clone of a journal is the Rows of a publication.

func (j *journal) First() bool { return j.reached == 0 }

func (j *journal) Reached(n *state.Node) bool {
	if n.Ino == state.RootIno {
		return !j.First()
	}
	return 0 < n.PutPub && n.PutPub <= j.reached
}

func (j *journal) Root(context.Context) (state.Node, error) { return j.nodes[state.RootIno].Node, nil }

func (j *journal) NewDirectories(_ context.Context, after state.Ino, limit int) ([]state.ChangedDirectory, error) {
	return j.changedDirectories(max(after, state.RootIno), limit, func(n *node) bool { return !j.Reached(&n.Node) }), nil
}

func (j *journal) ChangedDirectories(_ context.Context, after state.Ino, limit int) ([]state.ChangedDirectory, error) {
	return j.changedDirectories(after, limit, func(n *node) bool { return j.Reached(&n.Node) }), nil
}

func (j *journal) DirectoriesWithTombstones(_ context.Context, after state.Ino, limit int) ([]state.ChangedDirectory, error) {
	return j.changedDirectories(after, limit, func(n *node) bool { return j.hasTombstones(n.Ino) }), nil
}

func (j *journal) changedDirectories(after state.Ino, limit int, is func(*node) bool) (list []state.ChangedDirectory) {
	for _, n := range j.inOrder() {
		if len(list) < limit && n.Ino > after && n.IsDirectory() && n.State == state.Held && is(n) {
			list = append(list, state.ChangedDirectory{Node: n.Node, Tombstones: j.hasTombstones(n.Ino)})
		}
	}
	return list
}

func (j *journal) ChangedNodes(_ context.Context, after state.Ino, limit int) (list []state.Node, _ error) {
	for _, n := range j.inOrder() {
		if n.Ino > after && !n.IsDirectory() && j.lives(n.Ino) && n.PutPub > 0 && n.Flags&state.Renamed != 0 {
			list = append(list, n.Node)
		}
	}
	return firstOf(list, limit), nil
}

func (j *journal) Children(_ context.Context, dir state.Ino, after []byte, limit int) (list []state.SnapshotChild, _ error) {
	entries := j.nodes[dir].entries
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if name > string(after) {
			list = append(list, j.child(name, entries[name]))
		}
	}
	return firstOf(list, limit), nil
}

func (j *journal) child(name string, ino state.Ino) state.SnapshotChild {
	n := j.nodes[ino]
	return state.SnapshotChild{Name: []byte(name), Type: n.Attr.Type, Ino: ino, Put: n.IsDirectory() || n.PutVersion != 0}
}

func (j *journal) Tombstones(_ context.Context, dir state.Ino, after state.Tombstone, limit int) (list []state.Tombstone, _ error) {
	for _, t := range j.tombstones {
		entry := j.nodes[dir].entries[t.name]
		if t.dir != dir || entry == t.ino || j.isLater(t) {
			continue
		}
		row := state.Tombstone{SnapshotChild: j.child(t.name, t.ino), Seq: t.seq, Successor: j.successorIn(t), Lives: j.livesOutside(t),
			NameTaken: entry != 0 && j.child(t.name, entry).Put}
		row.Put = true
		if (row.Lives || row.Successor != state.NoSuccessor) && compareTombstones(row, after) > 0 {
			list = append(list, row)
		}
	}
	slices.SortFunc(list, compareTombstones)
	return firstOf(list, limit), nil
}

// isLater reports whether the same inode left the directory before under another name, and nothing
// else took its place since.
func (j *journal) isLater(t tombstone) bool {
	if len(j.nodes[t.ino].names) > 1 {
		return false
	}
	return slices.ContainsFunc(j.tombstones, func(o tombstone) bool {
		return o.ino == t.ino && o.dir == t.dir && o.successor == 0 && t.successor == 0 && o.seq < t.seq
	})
}

func compareTombstones(a, b state.Tombstone) int {
	return cmp.Or(bytes.Compare(a.Name, b.Name), cmp.Compare(a.Ino, b.Ino))
}

func (j *journal) successorIn(t tombstone) state.Successor {
	switch {
	case !j.lives(t.successor):
		return state.NoSuccessor
	case !j.uploaded(t.successor):
		return state.Waiting
	case j.nodes[t.successor].isIn(t.dir):
		return state.NoSuccessor
	}
	return state.ListedOutside
}

func (n *node) isIn(dir state.Ino) bool {
	return slices.ContainsFunc(n.names, func(p place) bool { return p.dir == dir })
}

func (j *journal) livesOutside(t tombstone) bool {
	n := j.nodes[t.ino]
	if j.lives(t.ino) {
		return slices.ContainsFunc(n.names, func(p place) bool { return p.dir != t.dir })
	}
	return n.IsDirectory() && j.Reached(&n.Node) && j.leadsOn(t.ino, map[state.Ino]bool{})
}

// leadsOn reports whether something that lives may be found by a removed directory.
func (j *journal) leadsOn(dir state.Ino, seen map[state.Ino]bool) bool {
	seen[dir] = true
	return slices.ContainsFunc(j.tombstones, func(t tombstone) bool {
		return t.dir == dir && (j.lives(t.ino) || j.lives(t.successor) ||
			j.nodes[t.ino].Attr.Type == clfs.TypeDirectory && !seen[t.ino] && j.leadsOn(t.ino, seen))
	})
}

func (j *journal) Taken(_ context.Context, dir state.Ino, name []byte) (bool, error) {
	_, taken := j.nodes[dir].entries[string(name)]
	return taken || slices.ContainsFunc(j.tombstones, func(t tombstone) bool { return t.place == place{dir, string(name)} }), nil
}

func (j *journal) inOrder() (list []*node) {
	for ino := state.RootIno; ino < j.next; ino++ {
		if n := j.nodes[ino]; n != nil {
			list = append(list, n)
		}
	}
	return list
}

func firstOf[T any](list []T, limit int) []T { return list[:min(limit, len(list))] }
