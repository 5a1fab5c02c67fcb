package journal

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	_ "github.com/mattn/go-sqlite3" // the "sqlite3" driver
	"golang.org/x/sys/unix"
)

// Files of a journal's directory.
const (
	journalName = "journal.sqlite"
	lockName    = "lock"
)

const (
	mostReaders    = 8
	writerCacheKiB = 8 << 10
	readerCacheKiB = 1 << 10
)

// File is an open journal. Its methods may be called concurrently.
type File struct {
	dir     string
	format  Format
	client  Client
	options Options
	lock    *lockFile
	pool    *pool
	write   *writer // nil: for reading only
	closing sync.Once

	uninterrupted bool // the system was not started anew since the journal was open last, and it was not closed
}

// Exists reports whether there is a journal in a directory.
func Exists(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, journalName))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, errNotDir) {
		return false, nil
	}
	return err == nil, err
}

func mustExist(dir string) error {
	found, err := Exists(dir)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	if !found {
		return fmt.Errorf("open journal in %s: %w", dir, ErrMissing)
	}
	return nil
}

// Open opens the journal of a directory, for this process alone. What was acknowledged by
// one that was killed is made again and committed. Errors: ErrMissing, ErrLocked,
// ErrVersion, ErrDamaged, and those of the client.
func Open(dir string, format Format, client Client) (*File, error) {
	if err := mustExist(dir); err != nil {
		return nil, err
	}
	lock, err := acquireLock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	f := &File{dir: dir, format: format, client: client, lock: lock}
	if err := f.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal in %s: %w", dir, Classify(err)), lock.discard(), f.Close())
	}
	return f, nil
}

func (f *File) open() error {
	path := filepath.Join(f.dir, journalName)
	if _, err := f.check(path); err != nil {
		return err
	}
	if err := f.openConnections(path); err != nil {
		return errors.Join(err, abandonLog(f.dir, f.uninterrupted))
	}
	return nil
}

// check refuses a journal with a damaged log or of another format. It returns the options of a
// connection that only reads: one that may write would remove the log when it is closed.
func (f *File) check(path string) (options string, err error) {
	if f.uninterrupted, err = checkLog(f.dir); err != nil {
		return "", err
	}
	if options, err = readOptions(path); err != nil {
		return "", err
	}
	return options, checkFormat(path, options, f.format)
}

func (f *File) openConnections(path string) (err error) {
	if err := f.openPool(dsn(path, readerCacheKiB, "_query_only=true")); err != nil {
		return err
	}
	f.write, err = newWriter(f, path)
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

// openPool opens the connections that read, and lets the client read what it needs.
func (f *File) openPool(dsn string) error {
	db, err := sql.Open("sqlite3", dsn)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(readers())
	db.SetMaxIdleConns(readers())
	f.pool = &pool{DB: db}
	if f.options, err = f.client.Open(db); err != nil {
		return err
	}
	f.pool.frequent, err = prepareAll(db, f.options.Frequent)
	return err
}

// Dir is the directory of the journal.
func (f *File) Dir() string { return f.dir }

// Close waits for changes that are under way, commits what was acknowledged, closes the
// database and gives the lock back. Closing again does nothing.
func (f *File) Close() error {
	var err error
	f.closing.Do(func() { err = f.close() })
	return err
}

func (f *File) close() error {
	var errs []error
	if f.pool != nil {
		errs = append(errs, f.pool.Close())
	}
	// The writer last: only a connection that may write tidies up the log.
	if f.write != nil {
		errs = append(errs, f.write.close())
	}
	if f.lock != nil {
		errs = append(errs, f.lock.release())
	}
	return errors.Join(errs...)
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

// dsn lets no commit wait for the disk: the log is synced where that is promised, and sqlite
// syncs it before it is copied into the database.
func dsn(path string, cacheKiB int, options string) string {
	return fmt.Sprintf("%s?_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=60000&_cache_size=-%d&%s&%s",
		fileURI(path), cacheKiB, indexInMemory, options)
}

func openDB(path string, cacheKiB int, options string) (*sql.DB, error) {
	return sql.Open("sqlite3", dsn(path, cacheKiB, options))
}

// checkFormat refuses a file that this program did not write, before anything
// could change it: not even the journal mode is set here.
func checkFormat(path, options string, format Format) error {
	db, err := sql.Open("sqlite3", fileURI(path)+"?_busy_timeout=60000&"+options)
	if err != nil {
		return err
	}
	defer db.Close()
	var found Format
	if err := db.QueryRow(`PRAGMA application_id`).Scan(&found.Application); err != nil {
		return err
	}
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&found.Version); err != nil {
		return err
	}
	if found.Application != format.Application {
		return fmt.Errorf("%w: %s is not a clfsload journal", ErrDamaged, path)
	}
	if found.Version != format.Version {
		return fmt.Errorf("%w: it has schema %d, this program knows %d", ErrVersion, found.Version, format.Version)
	}
	return nil
}
