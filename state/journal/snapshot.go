package journal

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
)

// Snapshot is a connection with a read transaction: what was committed before it was
// begun. It holds back the tidying up of the journal's log.
type Snapshot struct {
	db   *sql.DB
	Conn *sql.Conn
}

// Snapshot begins a snapshot of all that is acknowledged: it is committed before. The
// snapshot must be closed.
func (f *File) Snapshot(ctx context.Context) (*Snapshot, error) {
	if f.write != nil {
		if err := f.write.catchUp(ctx); err != nil {
			return nil, err
		}
	}
	db, err := openDB(filepath.Join(f.dir, journalName), writerCacheKiB, "_query_only=true")
	if err != nil {
		return nil, err
	}
	s := &Snapshot{db: db}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Snapshot) begin(ctx context.Context) (err error) {
	if s.Conn, err = s.db.Conn(ctx); err != nil {
		return err
	}
	if _, err := s.Conn.ExecContext(ctx, `BEGIN`); err != nil {
		return err
	}
	// The transaction sees what was committed before its first query.
	var version int
	return s.Conn.QueryRowContext(ctx, `PRAGMA schema_version`).Scan(&version)
}

// Close ends the snapshot.
func (s *Snapshot) Close() error {
	var err error
	if s.Conn != nil {
		err = s.Conn.Close()
	}
	return errors.Join(err, s.db.Close())
}
