package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/needs"
)

func TestReadingSeesWhatIsAcknowledgedAndCommitsNothing(t *testing.T) {
	j := newJournal(t)
	commits, size := j.write.disk.written, int64(0)
	for i := range 5 {
		mustAdd(t, j, Acknowledged, fmt.Sprint(i))
		if j.write.redoLog.size <= size {
			t.Error("a change after a read is not in the redo log")
		}
		size = j.write.redoLog.size
		mustHold(t, j, i+1)
		if !has(t, j, fmt.Sprint(i)) {
			t.Errorf("%d is not found", i)
		}
	}
	if j.write.disk.written != commits || j.write.redoLog.size != size {
		t.Error("a read has written")
	}
	mustHold(t, reopened(t, image(t, j)), 5)
}

// What was read from the open transaction is no part of what is made again.
func TestAfterARollbackWhatWasReadIsMadeAgain(t *testing.T) {
	j := newJournal(t)
	broken := errors.New("broken")
	for i := range 5 {
		mustAdd(t, j, Acknowledged, fmt.Sprint("a", i))
		mustHold(t, j, 2*i+1)
		err := j.Write(t.Context(), Acknowledged, func() error { j.names.put("broken"); return broken })
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		if i%2 == 0 {
			mustHold(t, j, 2*i+1)
		}
		mustAdd(t, j, Acknowledged, fmt.Sprint("b", i))
	}
	dir := image(t, j)
	mustHold(t, j, 10)
	mustHold(t, reopened(t, dir), 10)
	if err := j.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustHold(t, reopened(t, image(t, j)), 10)
}

func TestAReadThatEndsWithAnErrorOfSqliteCostsNothing(t *testing.T) {
	j := newJournal(t)
	mustAdd(t, j, Acknowledged, "a")
	err := j.Read(t.Context(), func(q Querier) error {
		return q.QueryRowContext(t.Context(), `SELECT nonsense`).Scan(new(int))
	})
	if err == nil {
		t.Error("no error")
	}
	mustAdd(t, j, Acknowledged, "b")
	mustHold(t, j, 2)
	mustHold(t, reopened(t, image(t, j)), 2)
}

func TestAReadWhoseCallerHasGoneAwayInterruptsNoChange(t *testing.T) {
	j := newJournal(t)
	mustAdd(t, j, Acknowledged, "a")
	ctx, cancel := context.WithCancel(t.Context())
	err := j.Read(ctx, func(q Querier) error {
		cancel()
		return q.QueryRowContext(ctx, `SELECT count(*) FROM entry`).Scan(new(int))
	})
	if err != nil {
		t.Error(err)
	}
	mustAdd(t, j, Committed, "b")
	mustHold(t, j, 2)
}

func TestReadAtLengthSeesWhatIsAcknowledged(t *testing.T) {
	j := newJournal(t)
	mustAdd(t, j, Acknowledged, "a")
	var n int
	err := j.ReadAtLength(t.Context(), func(q Querier) error {
		return q.QueryRowContext(t.Context(), `SELECT count(*) FROM entry`).Scan(&n)
	})
	if err != nil || n != 1 || j.write.behind.Load() {
		t.Errorf("%d names, %v", n, err)
	}
}

// fullJournal is a journal whose disk has no room for what it has acknowledged.
func fullJournal(t *testing.T) (j *testJournal, acknowledged int) {
	t.Helper()
	needs.Root(t)
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	if err := Create(filepath.Join(dir, "state"), testFormat, fillNames); err != nil {
		t.Fatal(err)
	}
	j = reopened(t, filepath.Join(dir, "state"))
	for acknowledged < 500 {
		mustAdd(t, j, Acknowledged, fmt.Sprint(acknowledged))
		acknowledged++
	}
	j.write.redoLog.release()
	if err := os.WriteFile(filepath.Join(dir, "rest"), make([]byte, 16<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	return j, acknowledged
}

func TestAFullDiskDoesNotMakeAReadFail(t *testing.T) {
	j, acknowledged := fullJournal(t)
	for range 2 {
		if err := j.add(t.Context(), Committed, "more"); !errors.Is(err, ErrNoSpace) {
			t.Fatalf("the disk is not full: %v", err)
		}
		mustHold(t, j, acknowledged)
		err := j.ReadAtLength(t.Context(), func(q Querier) error {
			return q.QueryRowContext(t.Context(), `SELECT count(*) FROM entry`).Scan(new(int))
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestASnapshotStaysAsItWasBegun(t *testing.T) {
	j := newJournal(t)
	mustAdd(t, j, Acknowledged, "a")
	s, err := j.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustAdd(t, j, Committed, "b")
	var n int
	err = s.Read(t.Context(), func(q Querier) error {
		return q.QueryRowContext(t.Context(), `SELECT count(*) FROM entry`).Scan(&n)
	})
	if err != nil || n != 1 {
		t.Errorf("%d names, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
