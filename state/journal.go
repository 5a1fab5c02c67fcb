package state

import (
	"database/sql"

	"clfsload/state/journal"
)

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
	return create(dir, s, func(tx *sql.Tx) error { return insertRoot(tx, s, root) })
}

// Adopt is Create for a container that has a root already.
func Adopt(dir string, s Settings, a Adoption) (*Journal, error) {
	return create(dir, s, func(tx *sql.Tx) error { return insertAdopted(tx, s, a) })
}
