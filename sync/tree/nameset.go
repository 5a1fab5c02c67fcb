package tree

import (
	"slices"

	"clfsload/clfs"
	"clfsload/sync/tree/scratch"
)

// namesInMemory is how many names of one directory are kept in memory, 8 bytes
// each, before they go to a temporary database.
const namesInMemory = 1 << 20

// A NameSet holds the hashes of a directory's names. The zero value is an empty set.
type NameSet struct {
	TempDir string // directory of the temporary database; "": $TMPDIR

	db     *scratch.DB // nil while all names are in memory
	hashes []uint64
	sorted bool
}

// Add adds a name.
func (s *NameSet) Add(name []byte) error {
	if len(s.hashes) == namesInMemory {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.hashes = append(s.hashes, clfs.Hash64(name))
	return nil
}

func (s *NameSet) spill() error {
	if err := s.open(); err != nil {
		return err
	}
	slices.Sort(s.hashes)
	for _, h := range s.hashes {
		if _, err := s.db.Exec("INSERT INTO names VALUES (?)", int64(h)); err != nil {
			return err
		}
	}
	s.hashes = s.hashes[:0]
	return nil
}

func (s *NameSet) open() (err error) {
	if s.db != nil {
		return nil
	}
	if s.db, err = scratch.Open(s.TempDir); err != nil {
		return err
	}
	for _, statement := range []string{"CREATE TABLE names (hash INTEGER)", "CREATE INDEX by_hash ON names (hash)"} {
		if _, err := s.db.Exec(statement); err != nil {
			return err
		}
	}
	return nil
}

// settle prepares the set for queries.
func (s *NameSet) settle() error {
	if s.sorted {
		return nil
	}
	s.sorted = true
	if s.db != nil {
		return s.spill()
	}
	slices.Sort(s.hashes)
	return nil
}

// Repeated returns the hashes that were added more than once. Nothing may be added
// after that.
func (s *NameSet) Repeated() (map[uint64]bool, error) {
	if err := s.settle(); err != nil {
		return nil, err
	}
	found := map[uint64]bool{}
	for i := 1; i < len(s.hashes); i++ {
		if s.hashes[i] == s.hashes[i-1] {
			found[s.hashes[i]] = true
		}
	}
	if s.db == nil {
		return found, nil
	}
	err := s.db.Each("SELECT hash FROM names GROUP BY hash HAVING count(*) > 1", nil, func(scan func(...any) error) error {
		var h int64
		if err := scan(&h); err != nil {
			return err
		}
		found[uint64(h)] = true
		return nil
	})
	return found, err
}

// Has reports whether a name was added. Nothing may be added after that.
func (s *NameSet) Has(name []byte) (bool, error) {
	if err := s.settle(); err != nil {
		return false, err
	}
	h := clfs.Hash64(name)
	if s.db == nil {
		_, found := slices.BinarySearch(s.hashes, h)
		return found, nil
	}
	var one int
	return s.db.Row("SELECT 1 FROM names WHERE hash = ? LIMIT 1", []any{int64(h)}, &one)
}

// Close releases the memory and the temporary database.
func (s *NameSet) Close() {
	if s.db != nil {
		_ = s.db.Close()
	}
	s.hashes, s.db = nil, nil
}
