package state

import (
	"os"
	"path/filepath"
	"testing"
)

// A closed journal is its database alone: whoever copies that file has all of it.
func TestCloseLeavesNoLogBesideTheDatabase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	j, err := Create(dir, Settings{DirMgrCount: 1}, Attr{})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.SetPhase(t.Context(), PhaseTransfer); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{journalName + "-wal", journalName + "-shm"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !os.IsNotExist(err) {
			t.Errorf("%s was left behind (%v)", name, err)
		}
	}
}
