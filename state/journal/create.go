package journal

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Create makes a directory with a journal, which fill fills. It returns ErrExists when
// anything is there already. The directory appears with a whole journal, which is durable,
// or not at all; a crash may leave one beside it with ".new-" in its name.
func Create(dir string, format Format, fill func(*sql.Tx) error) error {
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("make state directory %s: %w", dir, ErrExists)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".new-")
	if err != nil {
		return fmt.Errorf("make state directory: %w", Classify(err))
	}
	if err := create(temp, dir, format, fill); err != nil {
		return errors.Join(fmt.Errorf("make journal in %s: %w", dir, Classify(err)), os.RemoveAll(temp))
	}
	return nil
}

// create makes the journal in temp, and moves it to dir when it is durable.
func create(temp, dir string, format Format, fill func(*sql.Tx) error) error {
	if err := initialize(filepath.Join(temp, journalName), format, fill); err != nil {
		return err
	}
	if err := SyncDir(temp); err != nil {
		return err
	}
	err := unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, dir, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		err = os.Rename(temp, dir) // of file systems that cannot do better
	}
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(dir))
}

// initialize makes a database that is durable when it returns.
func initialize(path string, format Format, fill func(*sql.Tx) error) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil { // SQLite would let all users read it, and its log
		return err
	}
	db, err := openDB(path, readerCacheKiB, "")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := fillDatabase(db, format, fill); err != nil {
		return err
	}
	// A checkpoint syncs the log, and then the database, which has everything.
	var busy, frames, copied int
	if err := db.QueryRow(`PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &copied); err != nil {
		return err
	}
	if busy != 0 {
		return fmt.Errorf("copy log into new database %s: %w", path, ErrLocked)
	}
	return db.Close()
}

func fillDatabase(db *sql.DB, format Format, fill func(*sql.Tx) error) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	pragmas := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", format.Application, format.Version)
	if _, err := tx.Exec(pragmas); err != nil {
		return err
	}
	if err := fill(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// SyncDir brings the names in a directory to the disk: what was made, renamed or removed
// there before survives a power cut. Errors are those of the file system.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
