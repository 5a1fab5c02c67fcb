package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newPatientMount makes a journal that commits when something asks for it alone.
func newPatientMount(t testing.TB) *Journal {
	t.Helper()
	j := newMount(t)
	j.write.delay = time.Hour
	return j
}

// openedImage opens an image of a journal for the rest of the test.
func openedImage(t testing.TB, dir string) *Journal {
	t.Helper()
	j, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// dump is all that the tables of a mount's journal hold, but for the number of the
// batch of the redo log.
func dump(t testing.TB, j *Journal) string {
	t.Helper()
	var b strings.Builder
	for _, query := range []string{
		`SELECT next_ino, last_dirmgr, phase, ` + mountLedgerColumns + ` FROM ledger`,
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
	rows, err := j.read.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
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

// breakOff makes a change that fails when it is half done.
func (w *mountWalk) breakOff() {
	broken := errors.New("broken")
	d := w.dir()
	err := w.j.note(w.t.Context(), func(t *tx) error {
		if _, err := t.add(&Addition{Dir: d.ino, Name: []byte("broken"), Attr: directory}); err != nil {
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
	if got := nodeOf(t, j, n.Ino); got.Attr.Size != sizeOf(2) || !j.write.behind.Load() {
		t.Errorf("%+v; a question about one node was a reason to commit: %v", got, !j.write.behind.Load())
	}
	addNode(t, j, RootIno, "b", regular)
	if list, err := j.List(t.Context(), RootIno, 0, 10); err != nil || len(list) != 2 {
		t.Errorf("%d entries, %v", len(list), err)
	}
	addNode(t, j, RootIno, "c", regular)
	if list, err := j.Unsettled(t.Context(), 0, 10); err != nil || len(list) != 3 {
		t.Errorf("%d unsettled nodes, %v", len(list), err)
	}
}

func TestManyChangesShareACommit(t *testing.T) {
	j := newPatientMount(t)
	before := j.write.disk.written.Load()
	for i := range 1000 {
		addNode(t, j, RootIno, fmt.Sprint(i), regular)
	}
	if n := j.write.disk.written.Load() - before; n > 10 {
		t.Errorf("1000 changes took %d commits", n)
	}
}

func TestALongRedoLogIsCommitted(t *testing.T) {
	j := newPatientMount(t)
	before := j.write.disk.written.Load()
	for i := 0; j.write.disk.written.Load() == before; i++ {
		addNode(t, j, RootIno, fmt.Sprint(i), regular)
		if j.write.redoLog.size > 2*redoBytes {
			t.Fatal("it grows without bound")
		}
	}
}

func TestAfterAKillTheRedoLogCountsUpToWhereItIsDamaged(t *testing.T) {
	j := newPatientMount(t)
	var sizes []int64
	for i := range 5 {
		addNode(t, j, RootIno, fmt.Sprint(i), regular)
		sizes = append(sizes, j.write.redoLog.size)
	}
	damages := map[string]func(data []byte) []byte{
		"cut off":             func(data []byte) []byte { return data[:sizes[4]-1] },
		"cut off in a header": func(data []byte) []byte { return data[:sizes[3]+redoHeader-1] },
		"written over":        func(data []byte) []byte { data[sizes[3]+redoHeader+5] ^= 1; return data },
		"length":              func(data []byte) []byte { data[sizes[3]+3] = 0xff; return data },
	}
	for what, damage := range damages {
		dir := image(t, j)
		path := dir + "/" + redoName
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, damage(data), 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := openedImage(t, dir).List(t.Context(), RootIno, 0, 10)
		if err != nil || len(list) != 4 {
			t.Errorf("%s: %d entries, %v", what, len(list), err)
		}
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

func TestAChangeThatTheRedoLogDoesNotTakeIsCommitted(t *testing.T) {
	j := newPatientMount(t)
	addNode(t, j, RootIno, "a", regular)
	if err := j.write.redoLog.file.Close(); err != nil {
		t.Fatal(err)
	}
	addNode(t, j, RootIno, "b", regular)
	if list, err := openedImage(t, image(t, j)).List(t.Context(), RootIno, 0, 10); err != nil || len(list) != 2 {
		t.Errorf("%d entries, %v", len(list), err)
	}
}

func TestTheRedoLogGivesUpItsRoomAndNoRecord(t *testing.T) {
	j := newPatientMount(t)
	l := j.write.redoLog
	addNode(t, j, RootIno, "a", regular)
	taken := func() int64 {
		var st unix.Stat_t
		if err := unix.Fstat(int(l.file.Fd()), &st); err != nil {
			t.Fatal(err)
		}
		return st.Blocks * 512
	}
	before := taken()
	if !l.release() || l.release() {
		t.Error("it has room that is given up once")
	}
	if after := taken(); before-after < redoRoom/2 {
		t.Errorf("%d bytes of %d were given up", before-after, before)
	}
	addNode(t, j, RootIno, "b", regular)
	if !l.roomy || taken() < before {
		t.Error("it did not take its room again")
	}
	list, err := openedImage(t, image(t, j)).List(t.Context(), RootIno, 0, 10)
	if err != nil || len(list) != 2 {
		t.Errorf("%d entries, %v", len(list), err)
	}
}

func TestWhatWasAcknowledgedOutlivesCommitsThatFail(t *testing.T) {
	j := newPatientMount(t)
	addNode(t, j, RootIno, "before", regular)
	limit := func(pages string) {
		t.Helper()
		var n int
		if err := j.write.conn.QueryRowContext(t.Context(), `PRAGMA max_page_count = `+pages).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // sqlite takes the size that there is
	acknowledged := 1
	for i := range 400 {
		_, err := j.Add(t.Context(), Addition{Dir: RootIno, Name: []byte(fmt.Sprint(i)), Attr: regular})
		if err != nil && !errors.Is(err, ErrNoSpace) {
			t.Fatal(err)
		}
		if err == nil {
			acknowledged++
		}
	}
	if _, err := j.Lookup(t.Context(), RootIno, []byte("before")); err != nil {
		t.Errorf("what cannot be committed is not found: %v", err)
	}
	if _, err := j.List(t.Context(), RootIno, 0, 1); !errors.Is(err, ErrNoSpace) {
		t.Errorf("a reader of the database is told %v of what cannot be committed", err)
	}
	killed := image(t, j)
	limit("1000000")
	for _, again := range []*Journal{j, openedImage(t, killed)} {
		list, err := again.List(t.Context(), RootIno, 0, 3000)
		if err != nil || len(list) != acknowledged || acknowledged == 401 {
			t.Errorf("%d entries of %d, %v", len(list), acknowledged, err)
		}
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
		if err := j.note(t.Context(), func(*tx) error {
			dir = image(t, j)
			l := j.ledger.Load()
			want = fmt.Sprint(l.seq, l.nextIno, l.MountTotals)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		again := openedImage(t, dir)
		l := again.ledger.Load()
		if got := fmt.Sprint(l.seq, l.nextIno, l.MountTotals); got != want {
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

// What was acknowledged before a kill has its room, although the disk is full.
func TestAJournalOpensAfterAKillOnAFullDisk(t *testing.T) {
	j := newPatientMount(t)
	for i := range 100 {
		addNode(t, j, RootIno, fmt.Sprint("file-", i), regular)
	}
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	if err := os.CopyFS(filepath.Join(dir, "state"), os.DirFS(image(t, j))); err != nil {
		t.Fatal(err)
	}
	redo, err := os.OpenFile(filepath.Join(dir, "state", redoName), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer redo.Close()
	if err := (&redoLog{file: redo}).reserve(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rest"), make([]byte, 16<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	again, err := Open(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if list, err := again.List(t.Context(), RootIno, 0, 1000); err != nil || len(list) != 100 {
		t.Errorf("%d entries, %v", len(list), err)
	}
}
