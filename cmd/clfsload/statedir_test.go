package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/sync/outcome"
	"clfsload/sync/target"
)

func TestEachMountPointHasAStateOfItsOwn(t *testing.T) {
	long := "/" + strings.Repeat("directory/", 40)
	seen := map[string]string{}
	for _, point := range []string{"/mnt/clfs", "/mnt-clfs", "/mnt/clfs%2D", "/mnt/clfs-", "/.mnt/clfs", "/%2Emnt/clfs", "/", "/%2F", long + "a", long + "b"} {
		name := escapePoint(point)
		if strings.ContainsAny(name, "/") || strings.HasPrefix(name, ".") || len(name) > 200 {
			t.Errorf("%s: %q cannot be a directory's name", point, name)
		}
		if other, taken := seen[name]; taken {
			t.Errorf("%s and %s are both %q", point, other, name)
		}
		seen[name] = point
	}
	if got := escapePoint("/mnt/clfs"); got != "mnt-clfs" {
		t.Errorf("/mnt/clfs is %q", got)
	}
}

func TestStateHomeIsFoundWithoutAHomeInTheEnvironment(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "")
	if home, err := stateHome(); err != nil || !strings.HasSuffix(home, "/.local/state/clfsload") {
		t.Errorf("%q, %v", home, err)
	}
}

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
