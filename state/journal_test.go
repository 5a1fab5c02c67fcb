package state

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/state/schema"
)

func TestSettingsAreReadAsTheyWereWritten(t *testing.T) {
	s := testSettings
	s.Source, s.Target, s.RootName = "/odd \xff\xfe\n?%41#&'", "https://host/c?x=%00", "\xff"
	s.ContainerID, s.FSID, s.DirMgrCount = 1<<32-1, 1<<32-1, 255
	s.Include, s.Exclude = []string{"*.c", "\xff\n"}, []string{"a b"}
	for i := range s.Key {
		s.Key[i] = byte(255 - i)
	}
	for _, hard := range []bool{false, true} {
		s.PreserveHardlinks = hard
		dir := filepath.Join(t.TempDir(), "st?te %41#\xff")
		j, err := Create(dir, s, directory)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, journalName)); err != nil {
			t.Error(err)
		}
		if j, err = Open(dir); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(j.Settings, s) {
			t.Errorf("got  %+v\nwant %+v", j.Settings, s)
		}
		if err := j.Remove(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Remove left %s: %v", dir, err)
		}
	}
}

func TestANewJournalHasTheRootAlone(t *testing.T) {
	j, root := newJournal(t)
	if root.ID != clfs.RootID || root.State != Held || root.Links != 2 || string(root.Name) != "source" {
		t.Errorf("root %+v", root)
	}
	if got := j.Totals(); got != (Totals{Found: schema.Found{FoundEntries: 1, FoundInodes: 1}}) || j.Phase() != PhaseNew {
		t.Errorf("%+v in phase %d", got, j.Phase())
	}
	if path, err := j.Path(t.Context(), root); path != "" || err != nil {
		t.Errorf("path %q, %v", path, err)
	}
}

func TestOnlyOneProcessMayOpenAJournal(t *testing.T) {
	j, _ := newJournal(t)
	_, err := Open(j.Dir())
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("second Open: %v, want ErrLocked with the process", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(j.Dir())
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestCreateRefusesWhatIsThereAndLeavesItAlone(t *testing.T) {
	j, _ := newJournal(t)
	if _, err := Create(j.Dir(), testSettings, directory); !errors.Is(err, ErrExists) {
		t.Errorf("over a journal: %v", err)
	}
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(plain, testSettings, directory); !errors.Is(err, ErrExists) {
		t.Errorf("over a file: %v", err)
	}
	if data, err := os.ReadFile(plain); string(data) != "x" || err != nil {
		t.Errorf("the file was touched: %q, %v", data, err)
	}
	if _, err := Create(filepath.Join(plain, "below"), testSettings, directory); err == nil {
		t.Error("below a file: made")
	}
}

func TestCreateThatFailsLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := testSettings
	s.DirMgrCount = -1 // is not read back as it was written
	if _, err := Create(dir, s, directory); !errors.Is(err, ErrDamaged) {
		t.Errorf("Create: %v", err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is left: %v", err)
	}
}

func TestOpenRefusesWhatIsNoJournalAndLeavesItAlone(t *testing.T) {
	foreign := func(statements string) func(string) error {
		return func(path string) error {
			db, err := sql.Open("sqlite3", path)
			if err != nil {
				return err
			}
			defer db.Close()
			_, err = db.Exec(statements)
			return err
		}
	}
	for _, c := range []struct {
		name string
		make func(path string) error
		want error
	}{
		{"nothing", func(string) error { return nil }, ErrMissing},
		{"an empty file", func(path string) error { return os.WriteFile(path, nil, 0o600) }, ErrDamaged},
		{"some text", func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("text"), 9000), 0o600) }, ErrDamaged},
		{"another program's database", foreign(`CREATE TABLE x (y); INSERT INTO x VALUES (1)`), ErrDamaged},
		{"a later version", foreign(fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d; CREATE TABLE x (y)`,
			schema.ApplicationID, schema.SchemaVersion+1)), ErrVersion},
		{"tables that are missing", foreign(fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d; CREATE TABLE x (y)`,
			schema.ApplicationID, schema.SchemaVersion)), errAny},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, journalName)
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(path)
			_, err := Open(dir)
			if err == nil || c.want != errAny && !errors.Is(err, c.want) {
				t.Errorf("Open: %v, want %v", err, c.want)
			}
			after, _ := os.ReadFile(path)
			if c.want != errAny && !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

var errAny = errors.New("any error")

func TestDamageIsReportedAsDamage(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, file("a", 1))
	path := filepath.Join(j.Dir(), journalName)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(data); i++ {
		data[i] = 0xee
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(j.Dir()); !errors.Is(err, ErrDamaged) {
		t.Errorf("Open: %v", err)
	}
}

func TestAClosedJournalSaysSo(t *testing.T) {
	j, root := newJournal(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.AddEntries(t.Context(), root, []Entry{file("a", 1)}, false); !errors.Is(err, ErrClosed) {
		t.Errorf("AddEntries: %v", err)
	}
}

func TestPhasesSurvive(t *testing.T) {
	j, _ := newJournal(t)
	if err := j.SetPhase(t.Context(), PhaseTransfer); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(j.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Phase() != PhaseTransfer {
		t.Errorf("phase %d", again.Phase())
	}
}
