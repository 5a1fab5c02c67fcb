package load

import (
	"os"
	"path/filepath"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

func TestTooManyFailedEntriesStopALoadThatCanGoOn(t *testing.T) {
	u := trees.NewUnreadable(t, 120, 100)
	target := "dir:" + u.Blobs
	u.Load(t, target, "--new", "--max-errors", "10").Wait().MustExit(harness.ExitIncomplete).MustSay("10 failed entries", "--max-errors", "without --new")
	trees.MustNotBePublished(t, u.Blobs)
	u.Load(t, target, "--max-errors", "0").Wait().MustExit(harness.ExitIncomplete).MustSay("100 entries failed")
	trees.MustNotBePublished(t, u.Blobs)
	u.Chmod(t, 0o644)
	u.Load(t, target, "--max-errors", "1").Wait().MustExit(harness.ExitOK)
	trees.MustHoldAll(t, u.Source, trees.DirectoryBlobs(t, u.Blobs))
}

func TestWithoutRetryFailedEntriesStayFailed(t *testing.T) {
	u := trees.NewUnreadable(t, 10, 3)
	target := "dir:" + u.Blobs
	u.Load(t, target, "--new").Wait().MustExit(harness.ExitIncomplete)
	u.Chmod(t, 0o644)
	u.Load(t, target, "--retry-errors=false").Wait().MustExit(harness.ExitIncomplete).MustSay("a/b/file-001")
	trees.MustNotBePublished(t, u.Blobs)
	u.Load(t, target).Wait().MustExit(harness.ExitOK)
	trees.MustHoldAll(t, u.Source, trees.DirectoryBlobs(t, u.Blobs))
}

func TestADirectoryThatCannotBeListedFailsAloneAndIsRetried(t *testing.T) {
	u := trees.NewUnreadable(t, 10, 0)
	target := "dir:" + u.Blobs
	u.Closed = []string{filepath.Join(u.Source, "a", "b")}
	u.Chmod(t, 0o311) // can be entered and not listed
	u.Load(t, target, "--new").Wait().MustExit(harness.ExitIncomplete).MustSay("a/b", "permission denied", "without --new")
	trees.MustNotBePublished(t, u.Blobs)
	u.Chmod(t, 0o755)
	u.Load(t, target).Wait().MustExit(harness.ExitOK)
	before := trees.List(t, u.Source)
	contents := trees.ReadContainer(t, trees.DirectoryBlobs(t, u.Blobs))
	closed := before["a/b"]
	closed.Mode = contents.Tree["a/b"].Mode // of the listing of a
	before["a/b"] = closed
	trees.ReportLines(t, "the container differs from its source", inventory.Compare(before, contents.Tree, inventory.Scope{HardLinks: true}))
}

// What failed is left out, and nothing refers to it or remains of it.
func TestPublishIncompleteLeavesOutWhatFailed(t *testing.T) {
	u := trees.NewUnreadable(t, 10, 3)
	closed := filepath.Join(u.Source, "closed")
	harness.MustMkdir(t, closed)
	harness.WriteFile(t, filepath.Join(closed, "inside"), "not to be seen")
	harness.Must(t, os.Chmod(closed, 0))
	target := "dir:" + u.Blobs
	u.Load(t, target, "--new", "--publish-incomplete").Wait().
		MustExit(harness.ExitIncomplete).MustSay("published", "4 failed entries", "a/b/file-000", "closed")
	before := trees.List(t, u.Source)
	for _, path := range []string{"closed", "closed/inside", "a/b/file-000", "a/b/file-001", "a/b/file-002"} {
		if _, ok := before[path]; !ok {
			t.Fatalf("no %s in the source", path)
		}
		delete(before, path)
	}
	scope := inventory.Full
	scope.Atime = false
	trees.MustHold(t, before, trees.DirectoryBlobs(t, u.Blobs), scope)
	u.Load(t, target).Wait().MustExit(harness.ExitIncomplete).MustSay("already complete", "4 failed entries")
}

// The segments of a file that failed in its middle are removed.
func TestPublishIncompleteRemovesWhatFailedEntriesHaveLeft(t *testing.T) {
	source := t.TempDir()
	path := filepath.Join(source, "log")
	trees.WriteNoise(t, path, 20<<20, trees.SeededRandom(t))
	harness.WriteFile(t, filepath.Join(source, "rests"), "as it is")
	before := trees.List(t, source)
	delete(before, "log")
	c := remote.NewMetered(t)
	c.Before(func(name string) {
		if trees.IsContents(name) {
			harness.Must(t, appendTo(path, 9<<20))
		}
	})
	harness.Clfsload(t, c.Into(filepath.Join(t.TempDir(), "state"), source, "--new", "--publish-incomplete")...).MustExit(harness.ExitIncomplete)
	trees.MustHold(t, before, c.Inventory(), inventory.Full)
}

// Directories were written without the failed entries already when the process
// was killed. Then the entries were mended.
func TestPublishIncompleteThatWasKilledDoesNotForgetWhatWasMended(t *testing.T) {
	u := trees.NewUnreadable(t, 10, 3)
	c := remote.NewMetered(t)
	r := u.Load(t, c.URL, "--new", "--publish-incomplete", "--no-upload-log")
	c.Await(remote.Moment{Prefix: trees.RootPrefix, Act: r.Kill})
	if res := r.Wait(); res.Code != -1 {
		t.Fatalf("the root was not put: %d\n%s", res.Code, harness.Clip(res.Stderr))
	}
	u.Chmod(t, 0o644)
	u.Load(t, c.URL).Wait().MustExit(harness.ExitOK)
	trees.MustHoldAll(t, u.Source, c.Inventory())
}

// Who may not read a file of the source has not compared it.
func TestVerifyNamesWhatItMayNotRead(t *testing.T) {
	u := trees.NewUnreadable(t, 3, 0)
	target := "dir:" + u.Blobs
	harness.Must(t, os.Chmod(filepath.Join(u.Source, "a", "b", "file-001"), 0o600))
	harness.Clfsload(t, "load", "--new", u.State, u.Source, target).MustExit(harness.ExitOK)
	harness.Clfsload(t, "verify", target, "--source", u.Source).MustExit(harness.ExitOK)
	harness.RunTool(t, "chmod", "-R", "a+rX", u.Blobs)
	r := harness.Command(t, []string{"verify", target, "--source", u.Source})
	harness.AsNobody(r.Command)
	r.Start().Wait().MustExit(harness.ExitDamaged).MustSay("/a/b/file-001", "permission denied")
}

// An entry that cannot be looked at may be a directory, whatever is asked for.
func TestADirectoryThatCannotBeLookedAtIsMissedDespitePatterns(t *testing.T) {
	u := trees.NewUnreadable(t, 3, 0)
	target := "dir:" + u.Blobs
	u.Closed = []string{filepath.Join(u.Source, "a")}
	u.Chmod(t, 0o444) // can be listed and not entered
	u.Load(t, target, "--new", "--include", "file*").Wait().MustExit(harness.ExitIncomplete).MustSay("a/b: lstat: permission denied")
	u.Chmod(t, 0o755)
	u.Load(t, target, "--include", "file*").Wait().MustExit(harness.ExitOK)
	trees.MustHoldAll(t, u.Source, trees.DirectoryBlobs(t, u.Blobs))
}
