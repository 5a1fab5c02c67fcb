package scratch

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"sync"

	_ "github.com/mattn/go-sqlite3" // registers the driver
)

// cacheKiB is how much of the file SQLite keeps in memory.
const cacheKiB = 24 << 10

// A DB is a scratch database. Open creates one.
type DB struct {
	mu    sync.Mutex
	db    *sql.DB
	tx    *sql.Tx
	stmts map[string]*sql.Stmt
}

// Open creates an empty database in the directory dir; an empty dir is the system's directory for
// temporary files, $TMPDIR.
func Open(dir string) (*DB, error) {
	f, err := os.CreateTemp(dir, "clfsload-scratch-*")
	if err != nil {
		return nil, fmt.Errorf("create temporary database: %w", err)
	}
	path := f.Name()
	defer func() { _ = os.Remove(path) }()
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("create temporary database: %w", err)
	}
	d, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("open temporary database %s: %w", path, err)
	}
	return d, nil
}

func open(path string) (*DB, error) {
	location := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(),
		RawQuery: fmt.Sprintf("_journal_mode=OFF&_sync=OFF&_locking_mode=EXCLUSIVE&_cache_size=-%d", cacheKiB)}
	db, err := sql.Open("sqlite3", location.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	tx, err := db.Begin()
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	// The file is opened by the first statement, and unlinked after that.
	if _, err := tx.Exec("CREATE TABLE opened (x)"); err != nil {
		_ = db.Close()
		return nil, err
	}
	return &DB{db: db, tx: tx, stmts: make(map[string]*sql.Stmt)}, nil
}

// Close frees the file's space.
func (d *DB) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.stmts {
		_ = s.Close()
	}
	_ = d.tx.Rollback()
	return d.db.Close()
}

// Exec runs a statement and returns how many rows it changed.
func (d *DB) Exec(query string, args ...any) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.prepare(query) //nolint:sqlclosecheck // kept until Close
	if err != nil {
		return 0, err
	}
	result, err := s.Exec(args...)
	if err != nil {
		return 0, fmt.Errorf("temporary database: %w", err)
	}
	return result.RowsAffected()
}

// Row reads the first row of a query into dest. found is false when there is
// none.
func (d *DB) Row(query string, args []any, dest ...any) (found bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.prepare(query) //nolint:sqlclosecheck // kept until Close
	if err != nil {
		return false, err
	}
	err = s.QueryRow(args...).Scan(dest...)
	if err == sql.ErrNoRows {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("temporary database: %w", err)
	}
	return true, nil
}

// Each calls fn for every row of a query. fn must not use the database: Each holds it until it
// returns.
func (d *DB) Each(query string, args []any, fn func(scan func(dest ...any) error) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.prepare(query) //nolint:sqlclosecheck // kept until Close
	if err != nil {
		return err
	}
	rows, err := s.Query(args...)
	if err != nil {
		return fmt.Errorf("temporary database: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (d *DB) prepare(query string) (*sql.Stmt, error) {
	if s := d.stmts[query]; s != nil {
		return s, nil
	}
	s, err := d.tx.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("temporary database: %w", err)
	}
	d.stmts[query] = s
	return s, nil
}
