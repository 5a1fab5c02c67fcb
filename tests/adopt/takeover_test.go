package adopt

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

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
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
	harness.Must(t, err)
	defer f.Close()
	changes := map[string]keptChange{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c keptChange
		harness.Must(t, json.Unmarshal(lines.Bytes(), &c))
		changes[c.Path] = c
	}
	return changes
}

// overtaken makes of the STATE of a mount one that another STATE has overtaken. change makes what
// it has not published.
func overtaken(t *testing.T, i *mounted.Intake, change func()) {
	t.Helper()
	old := i.State
	change()
	harness.Clfsload(t, "unmount", "--no-publish", i.Point).MustExit(harness.ExitOK)
	i.Await().MustExit(harness.ExitOK)
	i.State = old + "-2"
	i.Again(mounted.Quickly...)
	harness.WriteFile(t, i.Path("other"), "of another STATE")
	i.Unmounted()
	i.State = old
}

// A STATE that another one has overtaken is given up on request. What it had acknowledged and
// not published is kept beside it, and the container is adopted as it is.
func TestATakeOverKeepsWhatWasNotPublished(t *testing.T) {
	i := mounted.NewIntakeInto(t, harness.Loaded(t, filepath.Join(trees.GoRoot(t), "src", "net", "http", "cookiejar")), mounted.Quickly...)
	harness.WriteFile(t, i.Path("gone"), "published, then removed")
	i.Publish()
	overtaken(t, i, func() {
		harness.WriteFile(t, i.Path("jar.go"), "changed")
		harness.WriteFile(t, i.Path("new"), "new")
		harness.Must(t, os.Mkdir(i.Path("sub"), 0o755))
		harness.WriteFile(t, i.Path("sub/file"), "in a new directory")
		harness.Must(t, os.Remove(i.Path("gone")))
	})
	want := i.Blobs().Names
	harness.MustRefuseState(t, i.Container(), "mount", "--state", i.State, "--target", i.Target, i.Point)
	i.Again(append(mounted.Quickly, "--take-over")...)
	if got := harness.ReadText(t, i.Path("other")); got != "of another STATE" {
		t.Errorf("the file of the other STATE has %q", got)
	}
	if got := harness.ReadText(t, i.Path("gone")); got != "published, then removed" {
		t.Errorf("the published file has %q", got)
	}
	kept := keptBy(t, i.State)
	for path, content := range map[string]string{"jar.go": "changed", "new": "new", "sub/file": "in a new directory"} {
		if got := harness.ReadText(t, filepath.Join(kept, "files", path)); got != content {
			t.Errorf("kept %s has %q", path, got)
		}
	}
	for path, change := range map[string]string{"/": "directory", "jar.go": "contents", "new": "new", "sub": "new", "sub/file": "new", "gone": "removed"} {
		if got := keptChanges(t, kept)[path]; got.Change != change || got.Error != "" {
			t.Errorf("%s is listed as %+v, want %q", path, got, change)
		}
	}
	i.Unmounted()
	for _, name := range want {
		if _, err := os.Stat(filepath.Join(i.Container(), name)); err != nil {
			t.Errorf("after a take-over that changed nothing: %v", err)
		}
	}
}

// The STATE that is given up may be a copy of the one that has published what it had uploaded.
func TestATakeOverWithACopyOfSTATELosesNothing(t *testing.T) {
	i := mounted.NewIntakeInto(t, harness.Loaded(t, filepath.Join(trees.GoRoot(t), "src", "net", "http", "cookiejar")), mounted.Quickly...)
	harness.WriteFile(t, i.Path("file"), "uploaded, and published with the newer STATE")
	i.Flush()
	i.Killed()
	harness.Must(t, unix.Unmount(i.Point, unix.MNT_DETACH))
	state := i.State
	harness.Must(t, exec.Command("cp", "-a", state, state+"-copy").Run())
	i.Again(mounted.Quickly...)
	i.Unmounted()
	i.State = state + "-copy"
	i.Again(append(mounted.Quickly, "--take-over")...)
	if got := harness.ReadText(t, i.Path("file")); got != "uploaded, and published with the newer STATE" {
		t.Errorf("the file has %q", got)
	}
	i.Unmounted()
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK)
}

// Where the staging file lacks something there would be zeros: a file is kept whole or not at all.
func TestATakeOverKeepsNoFileThatStagingHasLost(t *testing.T) {
	i := mounted.NewIntakeInto(t, built(t, smallContainer(t)), "--settle", "1h")
	contents := map[string]string{"whole": "text", "short": "text", "lost": "text", "file": "longer text", "hole": "text" + strings.Repeat("\x00", 1<<20)}
	numbers := map[string]uint64{}
	overtaken(t, i, func() {
		for name, text := range contents {
			harness.WriteFile(t, i.Path(name), strings.TrimRight(text, "\x00"))
			harness.Must(t, os.Truncate(i.Path(name), int64(len(text))))
			numbers[name] = inodeOf(t, i.Path(name))
		}
	})
	staged := func(name string) string {
		return filepath.Join(i.State, "staging", fmt.Sprintf("%02x", numbers[name]&0xff), fmt.Sprintf("%x", numbers[name]))
	}
	harness.Must(t, os.Truncate(staged("short"), 3))
	harness.Must(t, os.Remove(staged("lost")))
	harness.Must(t, os.Truncate(staged("file"), 0))

	i.Again(append(mounted.Quickly, "--take-over")...)
	kept := keptBy(t, i.State)
	lost := map[string]bool{"short": true, "lost": true, "file": true}
	for name, text := range contents {
		c := keptChanges(t, kept)[name]
		file := filepath.Join(kept, "files", name)
		if lost[name] {
			if c.File != "" || !strings.Contains(c.Error, "staging file") {
				t.Errorf("%s is listed as %+v", name, c)
			}
			harness.MustNotExist(t, file)
			continue
		}
		if got := harness.ReadText(t, file); c.Error != "" || got != text {
			t.Errorf("%s is listed as %+v, and %d bytes are kept", name, c, len(got))
		}
	}
	i.Unmounted()
}

// inodeOf is the number of a file.
func inodeOf(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	harness.Must(t, unix.Lstat(path, &st))
	return st.Ino
}
