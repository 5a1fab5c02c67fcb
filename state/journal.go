package state

import (
	"database/sql"

	"clfsload/state/adopt"
	"clfsload/state/contents"
	"clfsload/state/garbage"
	"clfsload/state/journal"
	"clfsload/state/namespace"
	"clfsload/state/publish"
	"clfsload/state/recovery"
	"clfsload/state/scan"
	"clfsload/state/store"
	"clfsload/state/upload"
)

// Journal is an open journal. Its methods may be called concurrently.
type Journal struct {
	*store.Store
	namespace.Names
	contents.Files
	garbage.Collector
	adopt.Adopter
	scan.Recorder
	upload.Queue
	publish.Publisher
	recovery.Recoverer
}

func journalOf(s *store.Store, err error) (*Journal, error) {
	if err != nil {
		return nil, err
	}
	return &Journal{s, namespace.Names{Store: s}, contents.Files{Store: s}, garbage.Collector{Store: s}, adopt.Adopter{Store: s}, scan.Recorder{Store: s}, upload.Queue{Store: s}, publish.Publisher{Store: s}, recovery.Recoverer{Store: s}}, nil
}

// Exists reports whether there is a journal in the state directory dir.
func Exists(dir string) (bool, error) { return journal.Exists(dir) }

// SyncDir brings the names in a directory to the disk: what was made, renamed or removed
// there before survives a power cut. Errors are those of the file system.
func SyncDir(dir string) error { return journal.SyncDir(dir) }

// Create makes the state directory dir with a journal of these settings, whose
// only inode is the root with the given attributes. It returns ErrExists when
// anything is there already. The directory appears with a whole journal or not at
// all; a crash may leave one beside it with ".new-" in its name.
func Create(dir string, s Settings, root Attr) (*Journal, error) {
	return journalOf(store.Create(dir, s, func(tx *sql.Tx) error { return store.InsertRoot(tx, s, root) }))
}

// Adopt is Create for a container that has a root already.
func Adopt(dir string, s Settings, a Adoption) (*Journal, error) {
	return journalOf(store.Create(dir, s, func(tx *sql.Tx) error { return adopt.Insert(tx, s, a) }))
}

// Open opens the journal of the state directory dir, for this process alone.
// Errors: ErrMissing, ErrLocked, ErrVersion, ErrDamaged.
func Open(dir string) (*Journal, error) { return journalOf(store.Open(dir, journal.Open)) }

// OpenReadOnly opens the journal of the state directory dir to look at it. It
// changes nothing in dir, which may be on a file system that is read-only; the totals are
// those of the moment when it was opened. A process that wants to write waits until
// the journal is closed. Methods that write return ErrReadOnly. Errors: ErrMissing,
// ErrLocked, ErrVersion, ErrDamaged.
func OpenReadOnly(dir string) (*Journal, error) {
	return journalOf(store.Open(dir, journal.OpenReadOnly))
}
