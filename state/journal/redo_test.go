package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/needs"
)

func TestManyChangesShareACommit(t *testing.T) {
	j := newJournal(t)
	before := j.write.disk.written
	for i := range 1000 {
		mustAdd(t, j, Acknowledged, fmt.Sprint(i))
	}
	if n := j.write.disk.written - before; n > 10 {
		t.Errorf("1000 changes took %d commits", n)
	}
}

func TestALongRedoLogIsCommitted(t *testing.T) {
	j := newJournal(t)
	before := j.write.disk.written
	for i := 0; j.write.disk.written == before; i++ {
		mustAdd(t, j, Acknowledged, fmt.Sprint(i))
		if j.write.redoLog.size > 2*redoBytes {
			t.Fatal("it grows without bound")
		}
	}
}

func TestAfterAKillTheRedoLogCountsUpToWhereItIsDamaged(t *testing.T) {
	j := newJournal(t)
	var sizes []int64
	for i := range 5 {
		mustAdd(t, j, Acknowledged, fmt.Sprint(i))
		sizes = append(sizes, j.write.redoLog.size)
	}
	damages := map[string]func(data []byte) []byte{
		"cut off":             func(data []byte) []byte { return data[:sizes[4]-1] },
		"cut off in a header": func(data []byte) []byte { return data[:sizes[3]+redoHeader-1] },
		"written over":        func(data []byte) []byte { data[sizes[3]+redoHeader+1] ^= 1; return data },
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
		list, err := reopened(t, dir).list(t.Context())
		if err != nil || len(list) != 4 {
			t.Errorf("%s: %d names, %v", what, len(list), err)
		}
	}
}

func TestAChangeThatTheRedoLogDoesNotTakeIsCommitted(t *testing.T) {
	j := newJournal(t)
	mustAdd(t, j, Acknowledged, "a")
	if err := j.write.redoLog.file.Close(); err != nil {
		t.Fatal(err)
	}
	mustAdd(t, j, Acknowledged, "b")
	mustHold(t, reopened(t, image(t, j)), 2)
}

func TestTheRedoLogGivesUpItsRoomAndNoRecord(t *testing.T) {
	j := newJournal(t)
	l := j.write.redoLog
	mustAdd(t, j, Acknowledged, "a")
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
	mustAdd(t, j, Acknowledged, "b")
	if !l.roomy || taken() < before {
		t.Error("it did not take its room again")
	}
	mustHold(t, reopened(t, image(t, j)), 2)
}

func TestWhatWasAcknowledgedOutlivesCommitsThatFail(t *testing.T) {
	j := newJournal(t)
	mustAdd(t, j, Acknowledged, "before")
	limit := func(pages string) {
		t.Helper()
		var n int
		if err := j.write.conn.QueryRowContext(t.Context(), `PRAGMA max_page_count = `+pages).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // sqlite takes the size that there is
	acknowledged, refused := 1, 0
	for i := range 600 {
		d := Acknowledged
		if i%20 == 19 {
			d = Committed
		}
		switch err := j.add(t.Context(), d, fmt.Sprint(i)); {
		case err == nil:
			acknowledged++
		case errors.Is(err, ErrNoSpace):
			refused++
		default:
			t.Fatal(err)
		}
	}
	if refused == 0 {
		t.Fatal("all was committed")
	}
	killed := image(t, j)
	limit("1000000")
	mustHold(t, j, acknowledged)
	mustHold(t, reopened(t, killed), acknowledged)
}

// What was acknowledged before a kill has its room, although the disk is full.
func TestAJournalOpensAfterAKillOnAFullDisk(t *testing.T) {
	needs.Root(t)
	j := newJournal(t)
	for i := range 100 {
		mustAdd(t, j, Acknowledged, fmt.Sprint("file-", i))
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
	again, err := openNames(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	mustHold(t, again, 100)
}

// A power cut may take a commit that was not synced and leave the records of the redo log
// that came after it: they must not be made again without it.
func TestAfterAPowerCutNothingIsMadeAgainWithoutTheCommitBeforeIt(t *testing.T) {
	j := newJournal(t)
	mustAdd(t, j, Durable, "a")
	_, end := j.write.disk.now()
	mustAdd(t, j, Committed, "b")
	mustAdd(t, j, Acknowledged, "c")
	dir := image(t, j)
	if err := os.Truncate(filepath.Join(dir, journalName+"-wal"), end.synced); err != nil {
		t.Fatal(err)
	}
	mustHold(t, reopened(t, dir), 1)
}
