package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// keptChange is what a take-over lists of a path.
type keptChange struct{ Path, Change, File, Error string }

// keptChanges are the changes that a take-over lists, by their paths.
func keptChanges(t *testing.T, kept string) map[string]keptChange {
	t.Helper()
	f, err := os.Open(filepath.Join(kept, "changes.jsonl"))
	must(t, err)
	defer f.Close()
	changes := map[string]keptChange{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c keptChange
		must(t, json.Unmarshal(lines.Bytes(), &c))
		changes[c.Path] = c
	}
	return changes
}

// overtaken makes of the STATE of a mount one that another STATE has overtaken. change makes what
// it has not published.
func overtaken(t *testing.T, i *intake, change func()) {
	t.Helper()
	old := i.state
	change()
	clfsload(t, "unmount", "--no-publish", i.point).mustExit(exitOK)
	i.await().mustExit(exitOK)
	i.state = old + "-2"
	i.again(quickly...)
	writeFile(t, i.path("other"), "of another STATE")
	i.unmounted()
	i.state = old
}

// A STATE that another one has overtaken is given up on request. What it had acknowledged and
// not published is kept beside it, and the container is adopted as it is.
func TestATakeOverKeepsWhatWasNotPublished(t *testing.T) {
	i := newIntakeInto(t, loaded(t, filepath.Join(goroot(t), "src", "net", "http", "cookiejar")), quickly...)
	writeFile(t, i.path("gone"), "published, then removed")
	i.publish()
	overtaken(t, i, func() {
		writeFile(t, i.path("jar.go"), "changed")
		writeFile(t, i.path("new"), "new")
		must(t, os.Mkdir(i.path("sub"), 0o755))
		writeFile(t, i.path("sub/file"), "in a new directory")
		must(t, os.Remove(i.path("gone")))
	})
	want := i.blobs().Names
	mustRefuseState(t, i.container(), "mount", "--state", i.state, "--target", i.target, i.point)
	i.again(append(quickly, "--take-over")...)
	if got := readText(t, i.path("other")); got != "of another STATE" {
		t.Errorf("the file of the other STATE has %q", got)
	}
	if got := readText(t, i.path("gone")); got != "published, then removed" {
		t.Errorf("the published file has %q", got)
	}
	kept := keptBy(t, i.state)
	for path, content := range map[string]string{"jar.go": "changed", "new": "new", "sub/file": "in a new directory"} {
		if got := readText(t, filepath.Join(kept, "files", path)); got != content {
			t.Errorf("kept %s has %q", path, got)
		}
	}
	for path, change := range map[string]string{"/": "directory", "jar.go": "contents", "new": "new", "sub": "new", "sub/file": "new", "gone": "removed"} {
		if got := keptChanges(t, kept)[path]; got.Change != change || got.Error != "" {
			t.Errorf("%s is listed as %+v, want %q", path, got, change)
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

// Where the staging file lacks something there would be zeros: a file is kept whole or not at all.
func TestATakeOverKeepsNoFileThatStagingHasLost(t *testing.T) {
	i := newIntakeInto(t, built(t, smallContainer(t)), "--settle", "1h")
	contents := map[string]string{"whole": "text", "short": "text", "lost": "text", "file": "longer text", "hole": "text" + strings.Repeat("\x00", 1<<20)}
	numbers := map[string]uint64{}
	overtaken(t, i, func() {
		for name, text := range contents {
			writeFile(t, i.path(name), strings.TrimRight(text, "\x00"))
			must(t, os.Truncate(i.path(name), int64(len(text))))
			numbers[name] = inodeOf(t, i.path(name))
		}
	})
	staged := func(name string) string {
		return filepath.Join(i.state, "staging", fmt.Sprintf("%02x", numbers[name]&0xff), fmt.Sprintf("%x", numbers[name]))
	}
	must(t, os.Truncate(staged("short"), 3))
	must(t, os.Remove(staged("lost")))
	must(t, os.Truncate(staged("file"), 0))

	i.again(append(quickly, "--take-over")...)
	kept := keptBy(t, i.state)
	lost := map[string]bool{"short": true, "lost": true, "file": true}
	for name, text := range contents {
		c := keptChanges(t, kept)[name]
		file := filepath.Join(kept, "files", name)
		if lost[name] {
			if c.File != "" || !strings.Contains(c.Error, "staging file") {
				t.Errorf("%s is listed as %+v", name, c)
			}
			mustNotExist(t, file)
			continue
		}
		if got := readText(t, file); c.Error != "" || got != text {
			t.Errorf("%s is listed as %+v, and %d bytes are kept", name, c, len(got))
		}
	}
	i.unmounted()
}

// inodeOf is the number of a file.
func inodeOf(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Lstat(path, &st))
	return st.Ino
}
