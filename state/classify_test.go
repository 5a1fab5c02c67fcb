package state

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
)

// What sqlite takes for well-formed may still be no journal.
func TestRowsThatCannotBeAreDamage(t *testing.T) {
	for title, damage := range map[string]string{
		"wrong type":   `UPDATE inode SET mode = x'00a1' WHERE ino = 1`,
		"missing row":  `DELETE FROM inode WHERE ino = 1`,
		"not a number": `UPDATE setting SET value = 'x' WHERE name = 'fsid'`,
		"no ledger":    `DELETE FROM ledger`,
	} {
		t.Run(title, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			j, err := Create(dir, Settings{DirMgrCount: 1}, Attr{})
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite3", filepath.Join(dir, journalName))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(damage); err != nil {
				t.Fatal(err)
			}
			db.Close()
			if err := readRoot(t, dir); !errors.Is(err, ErrDamaged) {
				t.Errorf("%v is not told as damage", err)
			}
		})
	}
}

func readRoot(t *testing.T, dir string) error {
	t.Helper()
	j, err := Open(dir)
	if err != nil {
		return err
	}
	defer j.Close()
	_, err = j.Inode(t.Context(), RootIno)
	return err
}
