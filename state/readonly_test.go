package state

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
)

// newReadOnlyFixture returns a journal with one file, and its directory.
func newReadOnlyFixture(t *testing.T) (j *Journal, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "state")
	s := Settings{Source: "/source", Target: "dir:/target", DirMgrCount: 48, Exclude: []string{"*.o", "a b"}}
	j, err := Create(dir, s, Attr{Type: clfs.TypeDirectory, Mode: 0o40755})
	if err != nil {
		t.Fatal(err)
	}
	root, err := j.Inode(t.Context(), RootIno)
	if err != nil {
		t.Fatal(err)
	}
	file := Entry{Name: []byte("file"), Attr: Attr{Type: clfs.TypeRegular, Mode: 0o100644, Size: 7, Nlink: 1}}
	if err := j.AddEntries(t.Context(), root, []Entry{file}, true); err != nil {
		t.Fatal(err)
	}
	return j, dir
}

func mustShowTheFixture(t *testing.T, dir string) {
	t.Helper()
	j, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if got := j.Totals(); got.FoundEntries != 2 || got.FoundBytes != 7 {
		t.Errorf("totals %+v", got)
	}
	if s := j.Settings; s.Source != "/source" || len(s.Exclude) != 2 || s.Exclude[1] != "a b" || s.Include != nil {
		t.Errorf("settings %+v", s)
	}
	if err := j.SetPhase(t.Context(), PhaseComplete); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a write ends with %v", err)
	}
}

// The index of the write-ahead log is in the memory of the process that writes.
func TestOpenReadOnlyRefusesAJournalThatAProcessWrites(t *testing.T) {
	j, dir := newReadOnlyFixture(t)
	defer j.Close()
	if _, err := OpenReadOnly(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("it ends with %v", err)
	}
}

func TestAProcessThatWritesWaitsForOneThatLooks(t *testing.T) {
	j, dir := newReadOnlyFixture(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	looking, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan error)
	go func() {
		j, err := Open(dir)
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
			again, err := Open(left)
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
	if _, err := OpenReadOnly(dir); !errors.Is(err, ErrMissing) {
		t.Errorf("no journal: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, journalName), []byte("something else, of some length"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(dir); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
}
