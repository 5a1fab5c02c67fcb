package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var testFormat = Format{Application: 0x434c4653, Version: 7}

const testSchema = `CREATE TABLE entry (name TEXT PRIMARY KEY);
	CREATE TABLE total (entries INTEGER, batch INTEGER); INSERT INTO total VALUES (0, 0)`

// names is a client with a table of names. It keeps those that were added in memory.
type names struct {
	delay    time.Duration
	insert   *sql.Stmt
	total    *sql.Stmt
	added    []string
	recorder Recorder

	entries  int  // as the group of changes leaves it
	accepted int  // as all see it
	redone   int  // as the last record has it that was made again
	isRedone bool // and was not accepted
}

func (n *names) Open(db *sql.DB) (Options, error) {
	o := Options{CheckpointPages: 32768, CommitDelay: n.delay, Frequent: []string{`SELECT name FROM entry ORDER BY name`}}
	return o, db.QueryRow(`SELECT entries FROM total`).Scan(&n.accepted)
}

func (n *names) Prepare(conn *sql.Conn) (uint64, error) {
	ctx := context.Background()
	var err error
	if n.insert, err = conn.PrepareContext(ctx, `INSERT INTO entry VALUES (?)`); err != nil {
		return 0, err
	}
	if n.total, err = conn.PrepareContext(ctx, `UPDATE total SET entries = ?, batch = ?`); err != nil {
		return 0, err
	}
	var batch int64
	err = conn.QueryRowContext(ctx, `SELECT batch FROM total`).Scan(&batch)
	return uint64(batch), err
}

func (n *names) Close() error { return errors.Join(n.insert.Close(), n.total.Close()) }

func (n *names) Redo(record []byte) error {
	c := &Codec{Data: record, Reading: true}
	for len(c.Data) > 0 && !c.Short {
		var name []byte
		c.Bytes(&name)
		Number(c, &n.redone)
		n.added, n.isRedone = append(n.added, string(name)), true
	}
	return nil
}

func (n *names) Begin() {
	n.entries = n.accepted
	if n.isRedone {
		n.entries, n.isRedone = n.redone, false
	}
	n.recorder.Begin()
}

func (n *names) Record() []byte {
	if n.recorder.IsEmpty() {
		return nil
	}
	return n.recorder.Data
}

func (n *names) Flush(batch uint64) error {
	for _, name := range n.added {
		if _, err := n.insert.Exec(name); err != nil {
			return err
		}
	}
	n.added = nil
	_, err := n.total.Exec(n.entries, int64(batch))
	return err
}

func (n *names) Accept() { n.accepted = n.entries }

func (n *names) Committed() {}

func (n *names) RolledBack() { n.added, n.isRedone = nil, false }

// put adds a name, within a change.
func (n *names) put(name string) {
	n.added = append(n.added, name)
	n.entries++
	b := []byte(name)
	n.recorder.Bytes(&b)
	Number(&n.recorder.Codec, &n.entries)
}

// testJournal is an open journal of names.
type testJournal struct {
	*File
	names *names
}

// newJournal makes a journal that commits when something asks for it alone.
func newJournal(t testing.TB) *testJournal {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	if err := Create(dir, testFormat, fillNames); err != nil {
		t.Fatal(err)
	}
	return reopened(t, dir)
}

func fillNames(tx *sql.Tx) error {
	_, err := tx.Exec(testSchema)
	return err
}

func openNames(dir string) (*testJournal, error) {
	n := &names{delay: time.Hour}
	f, err := Open(dir, testFormat, n)
	return &testJournal{f, n}, err
}

// reopened opens a journal for the rest of the test.
func reopened(t testing.TB, dir string) *testJournal {
	t.Helper()
	j, err := openNames(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func (j *testJournal) add(ctx context.Context, d Durability, name string) error {
	return j.Write(ctx, d, func() error { j.names.put(name); return nil })
}

func mustAdd(t testing.TB, j *testJournal, d Durability, name string) {
	t.Helper()
	if err := j.add(t.Context(), d, name); err != nil {
		t.Fatal(err)
	}
}

func (j *testJournal) list(ctx context.Context) (list []string, err error) {
	err = j.Read(ctx, func(q Querier) error {
		rows, err := q.QueryContext(ctx, `SELECT name FROM entry ORDER BY name`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}
			list = append(list, name)
		}
		return rows.Err()
	})
	return list, err
}

// has reports whether there is a name.
func has(t testing.TB, j *testJournal, name string) (found bool) {
	t.Helper()
	err := j.Read(t.Context(), func(q Querier) error {
		return q.QueryRowContext(t.Context(), `SELECT EXISTS (SELECT 1 FROM entry WHERE name = ?)`, name).Scan(&found)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func mustHold(t testing.TB, j *testJournal, want int) {
	t.Helper()
	if list, err := j.list(t.Context()); err != nil || len(list) != want || j.names.accepted != want {
		t.Errorf("%d names, %d by the total, want %d: %v", len(list), j.names.accepted, want, err)
	}
}

// image copies the files of a journal as a process that is killed leaves them. It
// runs between two commits, and in the middle of a transaction.
func image(t testing.TB, j *testJournal) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{journalName, journalName + "-wal", redoName} {
		data, err := os.ReadFile(filepath.Join(j.Dir(), name))
		if err != nil {
			t.Error(err)
		}
		if name == redoName { // without most of its room
			data = append(bytes.TrimRight(data, "\x00"), make([]byte, 64)...)
		}
		writeFile(t, filepath.Join(dir, name), data)
	}
	return dir
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
