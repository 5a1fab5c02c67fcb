package verify

import (
	"slices"
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/sync/tree/scratch"
)

// namesInMemory is how many names of one directory are kept in memory, 8 bytes
// each, before they go to the temporary database.
const namesInMemory = 1 << 20

// nameSet holds the hashes of a directory's names.
type nameSet struct {
	db     *scratch.DB
	hashes []uint64
	table  int64 // marks this set's rows, 0 while all is in memory
	sorted bool
}

var nameSets atomic.Int64

func (s *nameSet) add(name []byte) error {
	if len(s.hashes) == namesInMemory {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.hashes = append(s.hashes, clfs.Hash64(name))
	return nil
}

func (s *nameSet) spill() error {
	if s.table == 0 {
		s.table = nameSets.Add(1)
	}
	slices.Sort(s.hashes)
	for _, h := range s.hashes {
		if _, err := s.db.Exec("INSERT INTO names VALUES (?, ?)", s.table, int64(h)); err != nil {
			return err
		}
	}
	s.hashes = s.hashes[:0]
	return nil
}

// settle gets the set ready to be asked.
func (s *nameSet) settle() error {
	if s.sorted {
		return nil
	}
	s.sorted = true
	if s.table != 0 {
		return s.spill()
	}
	slices.Sort(s.hashes)
	return nil
}

// repeated returns the hashes that were added more than once.
func (s *nameSet) repeated() (map[uint64]bool, error) {
	if err := s.settle(); err != nil {
		return nil, err
	}
	var found map[uint64]bool
	add := func(h uint64) {
		if found == nil {
			found = map[uint64]bool{}
		}
		found[h] = true
	}
	for i := 1; i < len(s.hashes); i++ {
		if s.hashes[i] == s.hashes[i-1] {
			add(s.hashes[i])
		}
	}
	if s.table == 0 {
		return found, nil
	}
	err := s.db.Each("SELECT hash FROM names WHERE owner = ? GROUP BY hash HAVING count(*) > 1", []any{s.table},
		func(scan func(...any) error) error {
			var h int64
			if err := scan(&h); err != nil {
				return err
			}
			add(uint64(h))
			return nil
		})
	return found, err
}

// has reports whether a name was added.
func (s *nameSet) has(name []byte) (bool, error) {
	if err := s.settle(); err != nil {
		return false, err
	}
	h := clfs.Hash64(name)
	if s.table == 0 {
		_, found := slices.BinarySearch(s.hashes, h)
		return found, nil
	}
	var one int
	return s.db.Row("SELECT 1 FROM names WHERE owner = ? AND hash = ? LIMIT 1", []any{s.table, int64(h)}, &one)
}

func (s *nameSet) close() {
	if s.table != 0 {
		s.db.Exec("DELETE FROM names WHERE owner = ?", s.table)
	}
	s.hashes = nil
}
