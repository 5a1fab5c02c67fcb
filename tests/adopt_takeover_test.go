package tests

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// keptBy returns the directory that a take-over has left beside a STATE.
func keptBy(t *testing.T, state string) string {
	t.Helper()
	found, err := filepath.Glob(state + ".kept-*")
	if err != nil || len(found) != 1 {
		t.Fatalf("%q, %v; want one directory", found, err)
	}
	return found[0]
}

// keptChanges are the changes that a take-over lists, by their paths.
func keptChanges(t *testing.T, kept string) map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(kept, "changes.jsonl"))
	must(t, err)
	defer f.Close()
	changes := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c struct{ Path, Change, Error string }
		must(t, json.Unmarshal(lines.Bytes(), &c))
		if c.Error != "" {
			t.Errorf("%s: %s", c.Path, c.Error)
		}
		changes[c.Path] = c.Change
	}
	return changes
}

// A STATE that another one has overtaken is given up on request. What it had acknowledged and
// not published is kept beside it, and the container is adopted as it is.
func TestATakeOverKeepsWhatWasNotPublished(t *testing.T) {
	i := newIntakeInto(t, loaded(t, filepath.Join(goroot(t), "src", "net", "http", "cookiejar")), quickly...)
	old := i.state
	writeFile(t, i.path("gone"), "published, then removed")
	i.publish()
	writeFile(t, i.path("jar.go"), "changed")
	writeFile(t, i.path("new"), "new")
	must(t, os.Mkdir(i.path("sub"), 0o755))
	writeFile(t, i.path("sub/file"), "in a new directory")
	must(t, os.Remove(i.path("gone")))
	clfsload(t, "unmount", "--no-publish", i.point).mustExit(exitOK)
	i.await().mustExit(exitOK)

	i.state = old + "-2"
	i.again(quickly...)
	writeFile(t, i.path("other"), "of another STATE")
	i.unmounted()
	want := i.blobs().Names

	i.state = old
	mustRefuseState(t, i.container(), "mount", "--state", old, "--target", i.target, i.point)
	i.again(append(quickly, "--take-over")...)
	if got := readText(t, i.path("other")); got != "of another STATE" {
		t.Errorf("the file of the other STATE has %q", got)
	}
	if got := readText(t, i.path("gone")); got != "published, then removed" {
		t.Errorf("the published file has %q", got)
	}
	kept := keptBy(t, old)
	for path, content := range map[string]string{"jar.go": "changed", "new": "new", "sub/file": "in a new directory"} {
		if got := readText(t, filepath.Join(kept, "files", path)); got != content {
			t.Errorf("kept %s has %q", path, got)
		}
	}
	for path, change := range map[string]string{"/": "directory", "jar.go": "contents", "new": "new", "sub": "new", "sub/file": "new", "gone": "removed"} {
		if got := keptChanges(t, kept)[path]; got != change {
			t.Errorf("%s is listed as %q, want %q", path, got, change)
		}
	}
	i.unmounted()
	for _, name := range want {
		if _, err := os.Stat(filepath.Join(i.container(), name)); err != nil {
			t.Errorf("after a take-over that changed nothing: %v", err)
		}
	}
}

// The STATE that is given up may be a copy of the one that has published what it had uploaded.
func TestATakeOverWithACopyOfSTATELosesNothing(t *testing.T) {
	i := newIntakeInto(t, loaded(t, filepath.Join(goroot(t), "src", "net", "http", "cookiejar")), quickly...)
	writeFile(t, i.path("file"), "uploaded, and published with the newer STATE")
	i.flush()
	i.killed()
	must(t, unix.Unmount(i.point, unix.MNT_DETACH))
	state := i.state
	must(t, exec.Command("cp", "-a", state, state+"-copy").Run())
	i.again(quickly...)
	i.unmounted()
	i.state = state + "-copy"
	i.again(append(quickly, "--take-over")...)
	if got := readText(t, i.path("file")); got != "uploaded, and published with the newer STATE" {
		t.Errorf("the file has %q", got)
	}
	i.unmounted()
	clfsload(t, "verify", i.target).mustExit(exitOK)
}
