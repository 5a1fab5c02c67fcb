package publish

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/crc32"
	"iter"
	"slices"
	"strconv"
	"unicode/utf8"

	"clfsload/state"
)

// Form is a listing of a directory.
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

// Entry is an entry of a directory, or a tombstone.
type Entry struct {
	state.SnapshotChild
	// Listed: it is in the container, or will be before something leads to the directory.
	Listed bool
}

// List returns the entries of a directory, also those that are not listed, and the tombstones
// that a form has. Both sequences are in order of names. taken reports whether the directory has an
// entry or a tombstone of a name.
func List(f Form, entries iter.Seq2[state.SnapshotChild, error], tombstones iter.Seq2[state.Tombstone, error],
	taken func(name []byte) (bool, error)) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for c, err := range entries {
			if !yield(Entry{c, c.Put}, err) || err != nil {
				return
			}
		}
		for group, err := range byName(f, tombstones) {
			if err == nil {
				err = nameTombstones(group, taken)
			}
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, t := range group {
				if !yield(Entry{t.SnapshotChild, true}, nil) {
					return
				}
			}
		}
	}
}

// byName returns the tombstones that a form has, those of one name together.
func byName(f Form, tombstones iter.Seq2[state.Tombstone, error]) iter.Seq2[[]state.Tombstone, error] {
	return func(yield func([]state.Tombstone, error) bool) {
		var group []state.Tombstone
		for t, err := range tombstones {
			if err != nil {
				yield(nil, err)
				return
			}
			if !f.keeps(&t) {
				continue
			}
			if len(group) > 0 && !bytes.Equal(group[0].Name, t.Name) {
				if !yield(group, nil) {
					return
				}
				group = nil
			}
			group = append(group, t)
		}
		if len(group) > 0 {
			yield(group, nil)
		}
	}
}

// nameTombstones gives stand-ins to tombstones of one name, except to one if the name is free: to the
// one that has the name in the final form, or else to the one that left first, because the listing
// is likeliest to have it.
func nameTombstones(group []state.Tombstone, taken func(name []byte) (bool, error)) (err error) {
	slices.SortFunc(group, func(a, b state.Tombstone) int {
		return cmp.Or(inFinal(&a)-inFinal(&b), cmp.Compare(a.Seq, b.Seq))
	})
	for i := range group {
		t := &group[i]
		if i == 0 && !t.NameTaken {
			continue
		}
		if t.Name, err = standIn(t.Ino, t.Name, taken); err != nil {
			return err
		}
	}
	return nil
}

// inFinal orders the tombstones of the final form before others.
func inFinal(t *state.Tombstone) int {
	if Final.keeps(t) {
		return 0
	}
	return 1
}

// standIn returns a name for an inode that nothing in the directory has, nor had.
func standIn(ino state.Ino, name []byte, taken func(name []byte) (bool, error)) ([]byte, error) {
	for again := 0; ; again++ {
		stand := standInName(ino, again, name)
		isTaken, err := taken(stand)
		if err != nil || !isTaken {
			return stand, err
		}
	}
}

// maxName is how many bytes a name has at most.
const maxName = 255

// standInName is a name that tells what it stands for. Those of different inodes differ, and
// those of different names. A name that must be cut comes after its checksum.
func standInName(ino state.Ino, again int, name []byte) []byte {
	stand := strconv.AppendUint([]byte(".clfsload-moved-"), uint64(ino), 10)
	if again > 0 {
		stand = strconv.AppendInt(append(stand, '.'), int64(again), 10)
	}
	stand = append(stand, '-')
	if len(stand)+len(name) <= maxName {
		return append(stand, name...)
	}
	stand = append(fmt.Appendf(stand, "%08x-", crc32.ChecksumIEEE(name)), name...)
	end := maxName
	for end > maxName-utf8.UTFMax && !utf8.RuneStart(stand[end]) {
		end--
	}
	return stand[:end]
}
