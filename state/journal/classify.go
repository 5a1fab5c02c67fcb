package journal

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

const errNotDir = syscall.ENOTDIR

// Classify adds the sentinel of this package to an error of sqlite or the file
// system, and keeps the cause. A row that is missing, of which another one speaks,
// or that holds what was never written there, is damage.
func Classify(err error) error {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			return fmt.Errorf("%w: %w", ErrNoSpace, err)
		}
		if errors.Is(err, sql.ErrNoRows) || strings.HasPrefix(err.Error(), "sql: Scan error") {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return err
	}
	switch e.Code {
	case sqlite3.ErrFull:
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB, sqlite3.ErrConstraint:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case sqlite3.ErrIoErr:
		if e.SystemErrno == syscall.ENOSPC || e.SystemErrno == syscall.EDQUOT {
			return fmt.Errorf("%w: %w", ErrNoSpace, err)
		}
		if e.SystemErrno == syscall.EFBIG { // the limit of file sizes, or of the file system
			return fmt.Errorf("%w: %w", e.SystemErrno, err)
		}
	}
	return err
}

// isSQLite reports whether an error is one of sqlite, after some of which it has rolled
// back by itself.
func isSQLite(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e)
}
