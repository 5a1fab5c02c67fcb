package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"clfsload/state/schema"
)

// Statement is a statement of the writer. It is declared once, as a variable of the package that
// executes it, and prepared on the writer's connection when a journal is opened.
type Statement int

// declared are the queries of all statements.
var declared []string

func NewStatement(query string) Statement {
	declared = append(declared, query)
	return Statement(len(declared) - 1)
}

// Exec executes the statement in a transaction.
func (s Statement) Exec(t *Tx, args ...any) (sql.Result, error) { return t.Stmts[s].Exec(args...) }

// Query is Exec of a query for rows.
func (s Statement) Query(t *Tx, args ...any) (*sql.Rows, error) { return t.Stmts[s].Query(args...) }

// QueryRow is Exec of a query for one row.
func (s Statement) QueryRow(t *Tx, args ...any) *sql.Row { return t.Stmts[s].QueryRow(args...) }

// statements are all statements, prepared.
type statements []*sql.Stmt

func prepareStatements(conn *sql.Conn) (statements, error) {
	var s statements
	for _, query := range declared {
		prepared, err := conn.PrepareContext(context.Background(), schema.SQL(query)) //nolint:sqlclosecheck // kept until close
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare %q: %w", query, err), s.close())
		}
		s = append(s, prepared)
	}
	return s, nil
}

func (s statements) close() error {
	var errs []error
	for _, stmt := range s {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}
