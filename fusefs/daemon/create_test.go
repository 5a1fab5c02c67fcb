package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"clfsload/sync/outcome"
	"clfsload/sync/target"
)

func TestAFileWhereANewStateIsToBeIsLeftAlone(t *testing.T) {
	for _, kind := range []string{"file", "link"} {
		dir := t.TempDir()
		path := filepath.Join(dir, kind)
		err := os.WriteFile(path, []byte("kept"), 0o600)
		if kind == "link" {
			err = os.Rename(path, path+"ed")
			if err == nil {
				err = os.Symlink(path+"ed", path)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		err = makeRoomForState(path, &target.Undo{})
		if code, _ := outcome.Describe(err); code != outcome.State {
			t.Errorf("%s: code %d, %v", kind, code, err)
		}
		if got, err := os.ReadFile(path); string(got) != "kept" {
			t.Errorf("%s: %q, %v", kind, got, err)
		}
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := makeRoomForState(empty, &target.Undo{}); err != nil {
		t.Error(err)
	}
}
