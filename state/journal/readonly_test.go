package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/needs"
)

// newReadOnlyFixture returns a journal with one name, and its directory.
func newReadOnlyFixture(t *testing.T) (j *testJournal, dir string) {
	t.Helper()
	j = newJournal(t)
	mustAdd(t, j, Durable, "file")
	return j, j.Dir()
}

func lookAt(dir string) (*testJournal, error) {
	n := &names{}
	f, err := OpenReadOnly(dir, testFormat, n)
	return &testJournal{f, n}, err
}

func mustShowTheFixture(t *testing.T, dir string) {
	t.Helper()
	j, err := lookAt(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	mustHold(t, j, 1)
	if err := j.add(t.Context(), Durable, "more"); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a write ends with %v", err)
	}
}

// The index of the write-ahead log is in the memory of the process that writes.
func TestOpenReadOnlyRefusesAJournalThatAProcessWrites(t *testing.T) {
	j, dir := newReadOnlyFixture(t)
	defer j.Close()
	if _, err := lookAt(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("it ends with %v", err)
	}
}

func TestAProcessThatWritesWaitsForOneThatLooks(t *testing.T) {
	j, dir := newReadOnlyFixture(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	looking, err := lookAt(dir)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan error)
	go func() {
		j, err := openNames(dir)
		if err == nil {
			err = j.Close()
		}
		opened <- err
	}()
	if err := looking.Close(); err != nil {
		t.Error(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

// sqlite maps that file: on a full disk that would end the process.
func TestAnOpenJournalHasNoSharedMemoryFile(t *testing.T) {
	j, dir := newReadOnlyFixture(t)
	defer j.Close()
	if _, err := os.Lstat(filepath.Join(dir, journalName+"-shm")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
}

// killedCopy is what a process that was killed leaves in a directory.
func killedCopy(t *testing.T, dir, left string) {
	t.Helper()
	for _, name := range []string{journalName, journalName + "-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(left, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenReadOnlyLooksAtAFileSystemThatIsReadOnly(t *testing.T) {
	needs.Root(t)
	j, dir := newReadOnlyFixture(t)
	defer j.Close()
	for _, closed := range []bool{false, true} {
		left := t.TempDir()
		if err := unix.Mount("none", left, "tmpfs", 0, "size=8m"); err != nil {
			t.Fatal(err)
		}
		defer unix.Unmount(left, unix.MNT_DETACH)
		killedCopy(t, dir, left)
		if closed {
			again, err := openNames(left)
			if err != nil {
				t.Fatal(err)
			}
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := unix.Mount("", left, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		mustShowTheFixture(t, left)
	}
}

func TestOpenReadOnlyLooksAtAJournalThatWasClosed(t *testing.T) {
	j, dir := newReadOnlyFixture(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	mustShowTheFixture(t, dir)
}

// A process that was killed leaves its commits in the write-ahead log.
func TestOpenReadOnlyLooksAtWhatAKilledProcessLeft(t *testing.T) {
	j, dir := newReadOnlyFixture(t)
	defer j.Close()
	left := t.TempDir()
	killedCopy(t, dir, left)
	mustShowTheFixture(t, left)
	mustShowTheFixture(t, left)
	if info, err := os.Stat(filepath.Join(left, journalName+"-wal")); err != nil || info.Size() == 0 {
		t.Errorf("looking has taken the write-ahead log away: %v", err)
	}
}

func TestOpenReadOnlyRefusesWhatIsNoJournal(t *testing.T) {
	dir := t.TempDir()
	if _, err := lookAt(dir); !errors.Is(err, ErrMissing) {
		t.Errorf("no journal: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, journalName), []byte("something else, of some length"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := lookAt(dir); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
}
