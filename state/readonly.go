package state

import (
	"errors"
	"fmt"
	"path/filepath"
)

// OpenReadOnly opens the journal of the state directory dir to look at it. It
// takes no lock and changes no row, so that it may be used beside a process that
// has the journal open; the totals are those of the moment when it was opened.
// Methods that write return ErrReadOnly. Errors: ErrMissing, ErrVersion,
// ErrDamaged.
func OpenReadOnly(dir string) (*Journal, error) {
	found, err := Exists(dir)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if !found {
		return nil, fmt.Errorf("open journal in %s: %w", dir, ErrMissing)
	}
	j := &Journal{dir: dir, wake: newNotifier()}
	if err := j.openToRead("mode=ro&_query_only=true"); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal in %s: %w", dir, classify(err)), j.Close())
	}
	return j, nil
}

// openToRead opens the connections that read, and takes the settings and the
// ledger from there.
func (j *Journal) openToRead(options string) error {
	path := filepath.Join(j.dir, journalName)
	if err := checkVersion(path, options); err != nil {
		return err
	}
	if err := j.openReaders(path, options); err != nil {
		return err
	}
	first, err := readLedger(j.read)
	if err != nil {
		return err
	}
	j.ledger.Store(first)
	return nil
}
