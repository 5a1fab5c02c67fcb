package write

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
)

// Files that were published and written again wait for the next publication. They are
// given up nevertheless when the staging area is full, and read back as they are.
// A cache does not bring back what was there before.
func TestMoreThanTheStagingAreaHoldsIsRewrittenWithoutAPublication(t *testing.T) {
	flags := []string{"--settle", "50ms", "--staging-limit", "64MiB"}
	t.Run("WithoutACache", func(t *testing.T) { rewriteWithoutPublication(t, flags) })
	t.Run("WithACache", func(t *testing.T) { rewriteWithoutPublication(t, append(flags, "--cache-size", "64MiB")) })
}

func rewriteWithoutPublication(t *testing.T, flags []string) {
	r := &mounted.Rewriting{Intake: mounted.NewIntake(t, flags...), Source: t.TempDir()}
	r.Rewrite(0)
	r.Publish()
	for round := 1; round <= 2; round++ {
		r.Rewrite(round)
	}
	r.Flush()
	if s := r.Status(); s.Uploaded.Entries != mounted.RewrittenFiles || s.Staging.Bytes > leastLimit {
		t.Errorf("before it is published, status says %+v", s)
	}
	r.MustBeRead()
	r.Killed()
	r.Again(flags...)
	r.MustBeRead()
	for _, directory := range []string{r.Source, r.Point} {
		harness.Must(t, os.Chmod(filepath.Join(directory, "file-0"), 0o600))
		harness.Must(t, os.Rename(filepath.Join(directory, "file-1"), filepath.Join(directory, "moved")))
		harness.Must(t, os.Rename(filepath.Join(directory, "moved"), filepath.Join(directory, "file-1")))
		harness.Must(t, os.Chtimes(directory, time.Unix(1, 0), time.Unix(1, 0)))
	}
	r.Publish()
	r.MustBeRead()
	harness.Clfsload(t, "verify", "--source", r.Source, r.Target).MustExit(harness.ExitOK).MustSay("sound")
	r.EndsPublished()
}

// What is fetched of a file to change it in a place is on the disk before the journal says
// so.
func TestAPowerCutCostsNoMoreOfAFileThatWasGivenUpThanWasWritten(t *testing.T) {
	d := harness.NewDisk(t, 256<<20)
	flags := []string{"--settle", "50ms", "--staging-limit", "64MiB"}
	i := &mounted.Intake{T: t, State: filepath.Join(d.Mount, "state"), Target: "dir:" + filepath.Join(t.TempDir(), "container")}
	i.Mount = mounted.With(t, mounted.Point(t), i.Flags(flags))
	r := &mounted.Rewriting{Intake: i, Source: t.TempDir()}
	r.Rewrite(0)
	r.Publish()
	const offset = 3 << 20
	path := r.Path("file-0") // the first one to be given up
	want, err := os.ReadFile(path)
	harness.Must(t, err)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	harness.Must(t, err)
	_, err = f.WriteAt([]byte("new"), offset)
	harness.Must(t, err)
	harness.Must(t, harness.WriteSynced(r.Path("other"), "kept"))
	r.CutPower(d)
	f.Close()
	r.Again(flags...)
	got, err := os.ReadFile(path)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d bytes of %d are left, %v", len(got), len(want), err)
	}
	copy(got[offset:], want[offset:offset+3]) // they may be there or not
	if !bytes.Equal(got, want) {
		t.Error("what was not written is lost too")
	}
	if text, err := os.ReadFile(r.Path("other")); err != nil || string(text) != "kept" {
		t.Errorf("what was synced is %q, %v", text, err)
	}
	harness.Clfsload(t, "publish", "--include-incomplete", r.Point).MustExit(harness.ExitOK)
	r.EndsPublished()
}
