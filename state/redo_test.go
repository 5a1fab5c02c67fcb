package state

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// dump is all that the tables of a mount's journal hold, but for the number of the
// batch of the redo log.
func dump(t testing.TB, j *Journal) string {
	t.Helper()
	var b strings.Builder
	for _, query := range []string{
		`SELECT next_ino, last_dirmgr, phase, ` + schema.NamespaceLedgerColumns + ` FROM ledger`,
		`SELECT * FROM inode ORDER BY ino`,
		`SELECT * FROM dirent ORDER BY parent, name`,
		`SELECT * FROM block ORDER BY ino, idx`,
		`SELECT * FROM image ORDER BY ino`,
		`SELECT * FROM tombstone ORDER BY dir, name, ino`,
		`SELECT * FROM garbage ORDER BY id`,
		`SELECT * FROM upload_failure ORDER BY ino`,
	} {
		dumpRows(t, j, query, &b)
	}
	return b.String()
}

func dumpRows(t testing.TB, j *Journal, query string, b *strings.Builder) {
	err := j.Read(t.Context(), func(q store.Querier) error {
		rows, err := q.QueryContext(t.Context(), query)
		if err == nil {
			printRows(t, rows, b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func printRows(t testing.TB, rows *sql.Rows, b *strings.Builder) {
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			fmt.Fprintf(b, "%s=%v ", columns[i], *v.(*any))
		}
		b.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// firstDifference is for messages.
func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i] + "\ninstead of\n" + y[i]
		}
	}
	return fmt.Sprintf("%d lines instead of %d", len(x), len(y))
}

// kill looks at what a process would leave that was killed now.
func (w *mountWalk) kill() {
	j := openedImage(w.t, image(w.t, w.j))
	defer j.Close()
	if got, want := dump(w.t, j), dump(w.t, w.j); got != want {
		w.t.Fatalf("a kill leaves\n%s", firstDifference(got, want))
	}
}

// powerCut looks at what a power cut would leave now: of the write-ahead log what was synced,
// of the redo log some of what was written. It must be a journal in itself.
func (w *mountWalk) powerCut() {
	dir := image(w.t, w.j)
	var boot string
	var salt uint64
	var written, synced int64
	note, err := os.ReadFile(filepath.Join(w.j.Dir(), logEndName))
	w.expect("read end of log", err, nil)
	_, err = fmt.Sscanf(string(note), "%s %x %x %x", &boot, &salt, &written, &synced)
	w.expect("read end of log", err, nil)
	w.expect("cut log", os.Truncate(filepath.Join(dir, journalName+"-wal"), synced+w.r.Int64N(written-synced+1)), nil)
	if redo := filepath.Join(dir, redoName); w.r.IntN(2) == 0 {
		info, err := os.Stat(redo)
		w.expect("look at redo log", err, nil)
		w.expect("cut redo log", os.Truncate(redo, w.r.Int64N(info.Size()+1)), nil)
	}
	j := openedImage(w.t, dir)
	defer j.Close()
	_, err = j.Recover(w.t.Context(), true, func(Ino) (int64, int64, bool) { return 0, 0, true })
	w.expect("recover", err, nil)
	left := &mountWalk{t: w.t, j: j}
	left.checkTotals()
	for what, query := range map[string]string{
		"names without a node": `SELECT count(*) FROM dirent d WHERE NOT EXISTS (SELECT 1 FROM inode i WHERE i.ino = d.ino AND i.state <> {removed})
			OR NOT EXISTS (SELECT 1 FROM inode i WHERE i.ino = d.parent AND i.state <> {removed})`,
		"nodes without their first name": `SELECT count(*) FROM inode i WHERE i.state <> {removed} AND i.ino > 1
			AND NOT EXISTS (SELECT 1 FROM dirent d WHERE d.parent = i.parent AND d.name = i.name AND d.ino = i.ino)`,
		"files with other links": `SELECT count(*) FROM inode i WHERE i.state <> {removed} AND i.type <> {directory}
			AND i.links <> (SELECT count(*) FROM dirent d WHERE d.ino = i.ino)`,
	} {
		var n int
		if err := j.Row(w.t.Context(), query).Scan(&n); err != nil || n != 0 {
			w.t.Fatalf("after a power cut there are %d %s: %v", n, what, err)
		}
	}
}

// breakOff makes a change that fails when it is half done.
func (w *mountWalk) breakOff() {
	broken := errors.New("broken")
	d := w.dir()
	err := w.j.Write(w.t.Context(), store.Acknowledged, func(t *store.Tx) error {
		if _, err := namespace.Create(t, &Addition{Dir: d.ino, Name: []byte("broken"), Attr: directory}); err != nil {
			return err
		}
		return broken
	})
	w.expect("break off", err, broken)
}

func TestChangesThatWaitAreSeenByAllWhoRead(t *testing.T) {
	j := newPatientMount(t)
	n := addNode(t, j, RootIno, "a", regular)
	if err := j.DirtyBlocks(t.Context(), n.Ino, []uint64{0}); err != nil {
		t.Fatal(err)
	}
	if err := j.QueueBlock(t.Context(), n.Ino, 1); err != nil {
		t.Fatal(err)
	}
	if found, err := j.Lookup(t.Context(), RootIno, []byte("a")); err != nil || found.Ino != n.Ino || found.Attr.Size != sizeOf(2) {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := j.Lookup(t.Context(), RootIno, []byte("b")); !errors.Is(err, ErrNoEntry) {
		t.Errorf("a name that there is not: %v", err)
	}
	if rows, err := j.BlocksOf(t.Context(), n.Ino); err != nil || len(rows) != 1 || rows[0].Index != 1 {
		t.Errorf("%v, %v", rows, err)
	}
	if got := nodeOf(t, j, n.Ino); got.Attr.Size != sizeOf(2) {
		t.Errorf("%+v", got)
	}
	addNode(t, j, RootIno, "b", regular)
	if list, err := j.List(t.Context(), RootIno, 0, 10); err != nil || len(list) != 2 {
		t.Errorf("%d entries, %v", len(list), err)
	}
	addNode(t, j, RootIno, "c", regular)
	if list, err := j.Unsettled(t.Context(), 0, 10); err != nil || len(list) != 3 {
		t.Errorf("%d unsettled nodes, %v", len(list), err)
	}
	if isCommitted(t, j) {
		t.Error("a question was a reason to commit")
	}
}

func TestWhatIsCommittedIsNotMadeAgain(t *testing.T) {
	j := newPatientMount(t)
	addNode(t, j, RootIno, "a", regular)
	redo := image(t, j)
	if err := j.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	committed := image(t, j)
	if err := os.Rename(redo+"/"+redoName, committed+"/"+redoName); err != nil {
		t.Fatal(err)
	}
	again := openedImage(t, committed)
	if got, want := dump(t, again), dump(t, j); got != want {
		t.Errorf("after the start there is\n%s", firstDifference(got, want))
	}
}

func TestWhateverWasAcknowledgedIsThereAfterAKillOfAMount(t *testing.T) {
	j := newMount(t)
	stop := make(chan struct{})
	var working sync.WaitGroup
	for w := range 3 {
		working.Go(func() { work(t, j, w, stop) })
	}
	for range 10 {
		var dir, want string
		if err := j.Write(t.Context(), store.Acknowledged, func(*store.Tx) error {
			dir = image(t, j)
			want = fmt.Sprint(j.Seq(), j.LastIno(), j.Counts())
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		again := openedImage(t, dir)
		if got := fmt.Sprint(again.Seq(), again.LastIno(), again.Counts()); got != want {
			t.Errorf("after a kill the ledger is %s, want %s", got, want)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	working.Wait()
}

// work makes, changes and renames files, and reads and syncs now and then.
func work(t *testing.T, j *Journal, worker int, stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		name := []byte(fmt.Sprint(worker, "-", i))
		n, err := j.Add(t.Context(), Addition{Dir: RootIno, Name: name, Attr: regular, Open: true})
		if err == nil {
			_, err = j.EndWrite(t.Context(), n.Ino, Written{Size: 5, Mtime: 6, Ctime: 7})
		}
		if err == nil {
			_, _, err = j.Rename(t.Context(), Rename{From: RootIno, Name: name, To: RootIno, NewName: []byte(fmt.Sprint("to", worker))})
		}
		if err == nil && i%7 == 0 {
			_, err = j.Lookup(t.Context(), RootIno, []byte(fmt.Sprint("to", worker)))
		}
		if err == nil && i%50 == 0 {
			err = j.Sync(t.Context())
		}
		if err != nil {
			t.Errorf("worker %d: %v", worker, err)
			return
		}
	}
}
