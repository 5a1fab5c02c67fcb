package tests

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
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
	r := &rewriting{intake: newIntake(t, flags...), source: t.TempDir()}
	r.rewrite(0)
	r.publish()
	for round := 1; round <= 2; round++ {
		r.rewrite(round)
	}
	r.flush()
	if s := r.status(); s.Uploaded.Entries != rewrittenFiles || s.Staging.Bytes > leastLimit {
		t.Errorf("before it is published, status says %+v", s)
	}
	r.mustBeRead()
	r.killed()
	r.again(flags...)
	r.mustBeRead()
	for _, directory := range []string{r.source, r.point} {
		must(t, os.Chmod(filepath.Join(directory, "file-0"), 0o600))
		must(t, os.Rename(filepath.Join(directory, "file-1"), filepath.Join(directory, "moved")))
		must(t, os.Rename(filepath.Join(directory, "moved"), filepath.Join(directory, "file-1")))
		must(t, os.Chtimes(directory, time.Unix(1, 0), time.Unix(1, 0)))
	}
	r.publish()
	r.mustBeRead()
	clfsload(t, "verify", "--source", r.source, r.target).mustExit(exitOK).mustSay("sound")
	r.endsPublished()
}

// What is fetched of a file to change it in a place is on the disk before the journal says
// so.
func TestAPowerCutCostsNoMoreOfAFileThatWasGivenUpThanWasWritten(t *testing.T) {
	d := newDisk(t, 256<<20)
	flags := []string{"--settle", "50ms", "--staging-limit", "64MiB"}
	i := &intake{t: t, state: filepath.Join(d.mount, "state"), target: "dir:" + filepath.Join(t.TempDir(), "container")}
	i.mount = mountWith(t, mountPoint(t), i.flags(flags))
	r := &rewriting{intake: i, source: t.TempDir()}
	r.rewrite(0)
	r.publish()
	const offset = 3 << 20
	path := r.path("file-0") // the first one to be given up
	want, err := os.ReadFile(path)
	must(t, err)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("new"), offset)
	must(t, err)
	must(t, writeSynced(r.path("other"), "kept"))
	r.cutPower(d)
	f.Close()
	r.again(flags...)
	got, err := os.ReadFile(path)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d bytes of %d are left, %v", len(got), len(want), err)
	}
	copy(got[offset:], want[offset:offset+3]) // they may be there or not
	if !bytes.Equal(got, want) {
		t.Error("what was not written is lost too")
	}
	if text, err := os.ReadFile(r.path("other")); err != nil || string(text) != "kept" {
		t.Errorf("what was synced is %q, %v", text, err)
	}
	clfsload(t, "publish", "--include-incomplete", r.point).mustExit(exitOK)
	r.endsPublished()
}
