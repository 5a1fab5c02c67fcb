package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"clfsload/state/store"
)

// Files of a journal.
const (
	journalName = "journal.sqlite"
	redoName    = "journal.redo"
	logEndName  = "journal.log-end"
)

// newPatientMount makes a journal that commits when something asks for it alone.
func newPatientMount(t testing.TB) *Journal {
	t.Helper()
	return newPatientMountAt(t, filepath.Join(t.TempDir(), "state"))
}

func newPatientMountAt(t testing.TB, dir string) *Journal {
	t.Helper()
	before := store.CommitDelay
	store.CommitDelay = time.Hour
	defer func() { store.CommitDelay = before }()
	return newMountAt(t, dir)
}

// image copies the files of a journal as a process that is killed leaves them. It
// runs between two commits, and in the middle of a transaction.
func image(t testing.TB, j *Journal) string {
	dir := t.TempDir()
	for _, name := range []string{journalName, journalName + "-wal", redoName} {
		data, err := os.ReadFile(filepath.Join(j.Dir(), name))
		if err != nil {
			t.Error(err)
		}
		if name == redoName { // without most of its room
			data = append(bytes.TrimRight(data, "\x00"), make([]byte, 64)...)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Error(err)
		}
	}
	return dir
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

// withoutRedo is an image of what a journal has committed.
func withoutRedo(t testing.TB, j *Journal) *Journal {
	t.Helper()
	dir := image(t, j)
	if err := os.Remove(filepath.Join(dir, redoName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return openedImage(t, dir)
}

// isCommitted reports whether all that a mount's journal has is in its database.
func isCommitted(t testing.TB, j *Journal) bool {
	t.Helper()
	return dump(t, withoutRedo(t, j)) == dump(t, j)
}

// isDurable reports whether all that was committed is on the disk.
func isDurable(t testing.TB, j *Journal) bool {
	t.Helper()
	note, err := os.ReadFile(filepath.Join(j.Dir(), logEndName))
	if err != nil {
		t.Fatal(err)
	}
	var boot, salt, written, synced string
	if _, err := fmt.Sscan(string(note), &boot, &salt, &written, &synced); err != nil {
		t.Fatal(err)
	}
	return written == synced
}
