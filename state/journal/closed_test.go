package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A closed journal is its database alone: whoever copies that file has all of it.
func TestCloseLeavesNoLogBesideTheDatabase(t *testing.T) {
	j := newJournal(t)
	mustAdd(t, j, Acknowledged, "a")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{journalName + "-wal", journalName + "-shm"} {
		if _, err := os.Stat(filepath.Join(j.Dir(), name)); !os.IsNotExist(err) {
			t.Errorf("%s was left behind (%v)", name, err)
		}
	}
	mustHold(t, reopened(t, j.Dir()), 1)
}

func TestAClosedJournalSaysSo(t *testing.T) {
	j := newJournal(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.add(t.Context(), Acknowledged, "a"); !errors.Is(err, ErrClosed) {
		t.Errorf("a change ends with %v", err)
	}
}
