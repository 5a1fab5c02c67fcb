package state

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
	_ "github.com/mattn/go-sqlite3" // the "sqlite3" driver
	"golang.org/x/sys/unix"

	"clfsload/clfs"
)

// Files of a state directory.
const (
	journalName = "journal.sqlite"
	lockName    = "lock"
)

const (
	mostReaders    = 8
	writerCacheKiB = 8 << 10
	readerCacheKiB = 1 << 10
	// checkpointPages is how long the write-ahead log grows (in 4 KiB pages)
	// before it is copied into the database.
	checkpointPages = 8192
	// mountCheckpointPages is that of a mount, whose many small commits change
	// the same pages again and again: the longer the log, the fewer are copied.
	mountCheckpointPages = 32768
	pathCacheSize        = 8192
)

// Journal is an open journal. Its methods may be called concurrently.
type Journal struct {
	Settings Settings

	dir     string
	lock    *lockFile
	read    *reader
	reads   *reads
	write   *writer
	ledger  atomic.Pointer[ledger]
	paths   *pathCache
	handles *lru.Cache[Ino, clfs.ID]
	wake    *notifier
	closing sync.Once

	uninterrupted bool // the system was not started anew since the journal was open last, and it was not closed
}

// Exists reports whether there is a journal in the state directory dir.
func Exists(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, journalName))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, errNotDir) {
		return false, nil
	}
	return err == nil, err
}

// Create makes the state directory dir with a journal of these settings, whose
// only inode is the root with the given attributes. It returns ErrExists when
// anything is there already. The directory appears with a whole journal or not at
// all; a crash may leave one beside it with ".new-" in its name.
func Create(dir string, s Settings, root Attr) (*Journal, error) {
	if _, err := os.Lstat(dir); err == nil {
		return nil, fmt.Errorf("make state directory %s: %w", dir, ErrExists)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".new-")
	if err != nil {
		return nil, fmt.Errorf("make state directory: %w", classify(err))
	}
	if err := create(temp, dir, s, root); err != nil {
		return nil, errors.Join(fmt.Errorf("make journal in %s: %w", dir, classify(err)), os.RemoveAll(temp))
	}
	j, err := Open(dir)
	if err != nil && !errors.Is(err, ErrLocked) {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return j, err
}

// create makes the journal in temp, and moves it to dir when it is durable.
func create(temp, dir string, s Settings, root Attr) error {
	if err := initialize(temp, s, root); err != nil {
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

// Open opens the journal of the state directory dir, for this process alone.
// Errors: ErrMissing, ErrLocked, ErrVersion, ErrDamaged.
func Open(dir string) (*Journal, error) {
	found, err := Exists(dir)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if !found {
		return nil, fmt.Errorf("open journal in %s: %w", dir, ErrMissing)
	}
	lock, err := acquireLock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	return openLocked(dir, lock)
}

func openLocked(dir string, lock *lockFile) (*Journal, error) {
	j := &Journal{dir: dir, lock: lock, wake: newNotifier()}
	if err := j.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal in %s: %w", dir, classify(err)), lock.discard(), j.Close())
	}
	return j, nil
}

func (j *Journal) open() error {
	path := filepath.Join(j.dir, journalName)
	var err error
	if j.uninterrupted, err = checkLog(j.dir); err != nil {
		return err
	}
	// A connection that may write would take the log away when it is closed as the last one.
	options, err := readOptions(path)
	if err != nil {
		return err
	}
	if err := checkVersion(path, options); err != nil {
		return err
	}
	if err := j.openConnections(path); err != nil {
		return errors.Join(err, abandonLog(j.dir, j.uninterrupted))
	}
	return nil
}

func (j *Journal) openConnections(path string) (err error) {
	if err := j.openReaders(dsn(path, readerCacheKiB, "_query_only=true")); err != nil {
		return err
	}
	j.write, err = newWriter(j, path)
	return err
}

// readers is how many connections read at a time. Each takes two files, so there are fewer where
// this process may open few.
func readers() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return mostReaders
	}
	return int(min(max(limit.Cur/32, 2), mostReaders))
}

func (j *Journal) openReaders(dsn string) error {
	db, err := sql.Open("sqlite3", dsn)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(readers())
	db.SetMaxIdleConns(readers())
	j.read = &reader{db, j.catchUp}
	if j.Settings, err = readSettings(db); err != nil {
		return err
	}
	if j.reads, err = prepareReads(j.read); err != nil {
		return err
	}
	if j.paths, err = newPathCache(); err != nil {
		return err
	}
	j.handles, err = lru.New[Ino, clfs.ID](pathCacheSize)
	return err
}

// Close waits for updates that are under way, closes the database and gives the
// lock back. Closing again does nothing.
func (j *Journal) Close() error {
	var err error
	j.closing.Do(func() { err = j.close() })
	return err
}

func (j *Journal) close() error {
	var errs []error
	if j.read != nil {
		errs = append(errs, j.read.Close())
	}
	// The writer last: only a connection that may write tidies up the log.
	if j.write != nil {
		errs = append(errs, j.write.close())
	}
	if j.lock != nil {
		errs = append(errs, j.lock.release())
	}
	return errors.Join(errs...)
}

// Dir is the state directory.
func (j *Journal) Dir() string { return j.dir }

// Remove closes the journal and removes its state directory: for a load that
// failed before anything was written to the container.
func (j *Journal) Remove() error {
	return errors.Join(j.Close(), os.RemoveAll(j.dir))
}

// fileURI is sqlite's URI for a file. The path is escaped: it may hold '?' or '%'.
func fileURI(path string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	return u.String()
}

// indexInMemory has sqlite keep the index of its log in this process's memory, which the
// connections of the process share. Otherwise that is a file which sqlite maps: on a full
// disk a look at the mapping would end the process with SIGBUS.
const indexInMemory = "vfs=unix-excl"

func dsn(path string, cacheKiB int, options string) string {
	return fmt.Sprintf("%s?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=60000&_cache_size=-%d&%s&%s",
		fileURI(path), cacheKiB, indexInMemory, options)
}

func openDB(path string, cacheKiB int, options string) (*sql.DB, error) {
	return sql.Open("sqlite3", dsn(path, cacheKiB, options))
}

func initialize(dir string, s Settings, root Attr) error {
	path := filepath.Join(dir, journalName)
	if err := os.WriteFile(path, nil, 0o600); err != nil { // SQLite would let all users read it, and its log
		return err
	}
	db, err := openDB(path, readerCacheKiB, "")
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	pragmas := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, schemaVersion)
	if _, err := tx.Exec(pragmas + schema); err != nil {
		return err
	}
	if err := writeSettings(tx, s); err != nil {
		return err
	}
	if err := insertRoot(tx, s, root); err != nil {
		return err
	}
	return tx.Commit()
}

// checkVersion refuses a file that this program did not write, before anything
// could change it: not even the journal mode is set here.
func checkVersion(path, options string) error {
	db, err := sql.Open("sqlite3", fileURI(path)+"?_busy_timeout=60000&"+options)
	if err != nil {
		return err
	}
	defer db.Close()
	var application, version int
	if err := db.QueryRow(`PRAGMA application_id`).Scan(&application); err != nil {
		return err
	}
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	if application != applicationID {
		return fmt.Errorf("%w: %s is not a clfsload journal", ErrDamaged, path)
	}
	if version != schemaVersion {
		return fmt.Errorf("%w: it has schema %d, this program knows %d", ErrVersion, version, schemaVersion)
	}
	return nil
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
