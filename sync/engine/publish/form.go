package publish

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
	"strconv"
	"unicode/utf8"

	"clfsload/state"
)

// Form is what of a directory is listed.
type Form int

const (
	// Interim: its entries, and what readers may not find elsewhere yet.
	Interim Form = iota
	// Final: its entries, and files whose successors are not uploaded.
	Final
)

// keeps reports whether a form lists a tombstone.
func (f Form) keeps(t *state.Tombstone) bool {
	if t.Successor == state.Waiting {
		return true
	}
	return f == Interim && (t.Lives || t.Successor == state.ListedOutside)
}

// Entry is an entry of a directory, or a tombstone that takes the place of one.
type Entry struct {
	state.SnapshotChild
	// Listed: it is in the container, or will be before something leads to the directory.
	Listed bool
}

// List returns the entries of a directory in a form, those that are not listed among them. It
// needs the directory's entries in order of their names, its tombstones in order of names and
// inode numbers, and whether a name is one of either. A tombstone has its own name if that is free,
// and otherwise a stand-in.
func List(f Form, entries iter.Seq2[state.SnapshotChild, error], tombstones iter.Seq2[state.Tombstone, error],
	taken func(name []byte) (bool, error)) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		next, stop := iter.Pull2(tombstones)
		defer stop()
		l := &lister{form: f, next: next, taken: taken, yield: yield}
		if !l.advance() {
			return
		}
		for c, err := range entries {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !l.before(c.Name) || !l.entry(c) {
				return
			}
		}
		l.before(nil)
	}
}

// lister merges entries and tombstones. Its methods report whether to go on.
type lister struct {
	form  Form
	next  func() (state.Tombstone, error, bool)
	taken func(name []byte) (bool, error)
	yield func(Entry, error) bool
	ahead *state.Tombstone // the next one that the form lists
}

// advance moves on to the next tombstone that the form lists.
func (l *lister) advance() bool {
	l.ahead = nil
	for {
		t, err, ok := l.next()
		if err != nil {
			return l.fail(err)
		}
		if !ok {
			return true
		}
		if l.form.keeps(&t) {
			l.ahead = &t
			return true
		}
	}
}

func (l *lister) fail(err error) bool {
	l.yield(Entry{}, err)
	return false
}

// before lists the tombstones whose names come before a name; nil: all that are left.
func (l *lister) before(name []byte) bool {
	for l.ahead != nil && (name == nil || bytes.Compare(l.ahead.Name, name) < 0) {
		if !l.group(l.ahead.Name, false) {
			return false
		}
	}
	return true
}

// entry lists an entry, and the tombstones of its name.
func (l *lister) entry(c state.SnapshotChild) bool {
	if !l.yield(Entry{c, c.Put}, nil) {
		return false
	}
	if l.ahead != nil && bytes.Equal(l.ahead.Name, c.Name) {
		return l.group(c.Name, c.Put)
	}
	return true
}

// group lists the tombstones of one name. The name goes to the one that keeps it in the final
// form, or else to the one that left first: it is the likeliest to be published under it.
func (l *lister) group(name []byte, occupied bool) bool {
	var list []state.Tombstone
	for l.ahead != nil && bytes.Equal(l.ahead.Name, name) {
		list = append(list, *l.ahead)
		if !l.advance() {
			return false
		}
	}
	slices.SortStableFunc(list, func(a, b state.Tombstone) int {
		if Final.keeps(&a) != Final.keeps(&b) {
			if Final.keeps(&a) {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Seq, b.Seq)
	})
	for i, t := range list {
		if occupied || i > 0 {
			var err error
			if t.Name, err = l.standIn(t.Ino, name); err != nil {
				return l.fail(err)
			}
		}
		if !l.yield(Entry{t.SnapshotChild, true}, nil) {
			return false
		}
	}
	return true
}

// standIn returns a name for an inode that nothing in the directory has, nor had.
func (l *lister) standIn(ino state.Ino, name []byte) ([]byte, error) {
	for again := 0; ; again++ {
		stand := standInName(ino, again, name)
		taken, err := l.taken(stand)
		if err != nil || !taken {
			return stand, err
		}
	}
}

// maxName is how many bytes a name has at most.
const maxName = 255

// standInName is a name that tells what it stands for. Those of different inodes differ.
func standInName(ino state.Ino, again int, name []byte) []byte {
	stand := strconv.AppendUint([]byte(".clfsload-moved-"), uint64(ino), 10)
	if again > 0 {
		stand = strconv.AppendInt(append(stand, '.'), int64(again), 10)
	}
	stand = append(append(stand, '-'), name...)
	if len(stand) <= maxName {
		return stand
	}
	end := maxName
	for end > maxName-utf8.UTFMax && !utf8.RuneStart(stand[end]) {
		end--
	}
	return stand[:end]
}
