package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"clfsload/clfs"
	"clfsload/state/journal"
	"clfsload/state/schema"
)

const pathCacheSize = 8192

// Store is an open journal, without what topics do with its tables. Its methods may be called concurrently.
type Store struct {
	Settings schema.Settings

	file    *journal.File
	tables  *tables
	ledger  atomic.Pointer[schema.Ledger]
	paths   *pathCache
	handles *lru.Cache[schema.Ino, clfs.ID]
	wake    *notifier
}

func Create(dir string, s schema.Settings, insert func(*sql.Tx) error) (*Store, error) {
	err := journal.Create(dir, schema.Format, func(tx *sql.Tx) error {
		if _, err := tx.Exec(schema.SQL(schema.Tables)); err != nil {
			return err
		}
		if err := schema.WriteSettings(tx, s); err != nil {
			return err
		}
		return insert(tx)
	})
	if err != nil {
		return nil, err
	}
	j, err := Open(dir, journal.Open)
	if err != nil && !errors.Is(err, journal.ErrLocked) {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return j, err
}

// Open opens the journal of a state directory with a function of the package journal.
func Open(dir string, file func(string, journal.Format, journal.Client) (*journal.File, error)) (*Store, error) {
	j := &Store{wake: newNotifier()}
	j.tables = &tables{journal: j, rows: newRows()}
	var err error
	if j.paths, err = newPathCache(); err != nil {
		return nil, err
	}
	if j.handles, err = lru.New[schema.Ino, clfs.ID](pathCacheSize); err != nil {
		return nil, err
	}
	if j.file, err = file(dir, schema.Format, j.tables); err != nil {
		return nil, err
	}
	return j, nil
}

// Close waits for updates that are under way, closes the database and gives the
// lock back. Closing again does nothing.
func (j *Store) Close() error { return j.file.Close() }

// CopyTo copies a journal that is open to be read to the state directory dir, which must not exist.
func (j *Store) CopyTo(dir string) error { return j.file.CopyTo(dir) }

// Dir is the state directory.
func (j *Store) Dir() string { return j.file.Dir() }

// Remove closes the journal and removes its state directory: for a load that
// failed before anything was written to the container.
func (j *Store) Remove() error {
	return errors.Join(j.Close(), os.RemoveAll(j.Dir()))
}

// Sync returns when all changes that were acknowledged before it survive a power
// cut. It costs nothing when there are none.
func (j *Store) Sync(ctx context.Context) error { return j.file.Sync(ctx) }
