package tests

import (
	"os"
	"path/filepath"
	"testing"

	"clfsload/tests/inventory"
)

func TestTooManyFailedEntriesStopALoadThatCanGoOn(t *testing.T) {
	u := newUnreadable(t, 120, 100)
	target := "dir:" + u.blobs
	u.load(t, target, "--new", "--max-errors", "10").wait().mustExit(exitIncomplete).mustSay("10 failed entries", "--max-errors", "without --new")
	mustNotBePublished(t, u.blobs)
	u.load(t, target, "--max-errors", "0").wait().mustExit(exitIncomplete).mustSay("100 entries failed")
	mustNotBePublished(t, u.blobs)
	u.chmod(t, 0o644)
	u.load(t, target, "--max-errors", "1").wait().mustExit(exitOK)
	mustHoldAll(t, u.source, directoryBlobs(t, u.blobs))
}

func TestWithoutRetryFailedEntriesStayFailed(t *testing.T) {
	u := newUnreadable(t, 10, 3)
	target := "dir:" + u.blobs
	u.load(t, target, "--new").wait().mustExit(exitIncomplete)
	u.chmod(t, 0o644)
	u.load(t, target, "--retry-errors=false").wait().mustExit(exitIncomplete).mustSay("a/b/file-001")
	mustNotBePublished(t, u.blobs)
	u.load(t, target).wait().mustExit(exitOK)
	mustHoldAll(t, u.source, directoryBlobs(t, u.blobs))
}

func TestADirectoryThatCannotBeListedFailsAloneAndIsRetried(t *testing.T) {
	u := newUnreadable(t, 10, 0)
	target := "dir:" + u.blobs
	u.closed = []string{filepath.Join(u.source, "a", "b")}
	u.chmod(t, 0o311) // can be entered and not listed
	u.load(t, target, "--new").wait().mustExit(exitIncomplete).mustSay("a/b", "permission denied", "without --new")
	mustNotBePublished(t, u.blobs)
	u.chmod(t, 0o755)
	u.load(t, target).wait().mustExit(exitOK)
	before := listTree(t, u.source)
	contents := readContainer(t, directoryBlobs(t, u.blobs))
	closed := before["a/b"]
	closed.Mode = contents.Tree["a/b"].Mode // of the listing of a
	before["a/b"] = closed
	reportLines(t, "the container differs from its source", inventory.Compare(before, contents.Tree, inventory.Scope{HardLinks: true}))
}

// What failed is left out, and nothing refers to it or remains of it.
func TestPublishIncompleteLeavesOutWhatFailed(t *testing.T) {
	u := newUnreadable(t, 10, 3)
	closed := filepath.Join(u.source, "closed")
	mustMkdir(t, closed)
	writeFile(t, filepath.Join(closed, "inside"), "not to be seen")
	must(t, os.Chmod(closed, 0))
	target := "dir:" + u.blobs
	u.load(t, target, "--new", "--publish-incomplete").wait().
		mustExit(exitIncomplete).mustSay("published", "4 failed entries", "a/b/file-000", "closed")
	before := listTree(t, u.source)
	for _, path := range []string{"closed", "closed/inside", "a/b/file-000", "a/b/file-001", "a/b/file-002"} {
		if _, ok := before[path]; !ok {
			t.Fatalf("no %s in the source", path)
		}
		delete(before, path)
	}
	scope := inventory.Full
	scope.Atime = false
	mustHold(t, before, directoryBlobs(t, u.blobs), scope)
	u.load(t, target).wait().mustExit(exitIncomplete).mustSay("already complete", "4 failed entries")
}

// The segments of a file that failed in its middle are removed.
func TestPublishIncompleteRemovesWhatFailedEntriesHaveLeft(t *testing.T) {
	source := t.TempDir()
	path := filepath.Join(source, "log")
	writeNoise(t, path, 20<<20, seededRandom(t))
	writeFile(t, filepath.Join(source, "rests"), "as it is")
	before := listTree(t, source)
	delete(before, "log")
	c := newMeteredContainer(t)
	c.before(func(name string) {
		if isContents(name) {
			must(t, appendTo(path, 9<<20))
		}
	})
	clfsload(t, c.into(filepath.Join(t.TempDir(), "state"), source, "--new", "--publish-incomplete")...).mustExit(exitIncomplete)
	mustHold(t, before, c.inventory(), inventory.Full)
}

// Directories were written without the failed entries already when the process
// was killed. Then the entries were mended.
func TestPublishIncompleteThatWasKilledDoesNotForgetWhatWasMended(t *testing.T) {
	u := newUnreadable(t, 10, 3)
	c := newMeteredContainer(t)
	r := u.load(t, c.url, "--new", "--publish-incomplete", "--no-upload-log")
	c.await(moment{prefix: rootPrefix, act: r.kill})
	if res := r.wait(); res.code != -1 {
		t.Fatalf("the root was not put: %d\n%s", res.code, clip(res.stderr))
	}
	u.chmod(t, 0o644)
	u.load(t, c.url).wait().mustExit(exitOK)
	mustHoldAll(t, u.source, c.inventory())
}

// Who may not read a file of the source has not compared it.
func TestVerifyNamesWhatItMayNotRead(t *testing.T) {
	u := newUnreadable(t, 3, 0)
	target := "dir:" + u.blobs
	must(t, os.Chmod(filepath.Join(u.source, "a", "b", "file-001"), 0o600))
	clfsload(t, "load", "--new", u.state, u.source, target).mustExit(exitOK)
	clfsload(t, "verify", target, "--source", u.source).mustExit(exitOK)
	runTool(t, "chmod", "-R", "a+rX", u.blobs)
	r := command(t, []string{"verify", target, "--source", u.source})
	asNobody(r.command)
	r.start().wait().mustExit(exitDamaged).mustSay("/a/b/file-001", "permission denied")
}

// An entry that cannot be looked at may be a directory, whatever is asked for.
func TestADirectoryThatCannotBeLookedAtIsMissedDespitePatterns(t *testing.T) {
	u := newUnreadable(t, 3, 0)
	target := "dir:" + u.blobs
	u.closed = []string{filepath.Join(u.source, "a")}
	u.chmod(t, 0o444) // can be listed and not entered
	u.load(t, target, "--new", "--include", "file*").wait().mustExit(exitIncomplete).mustSay("a/b: lstat: permission denied")
	u.chmod(t, 0o755)
	u.load(t, target, "--include", "file*").wait().mustExit(exitOK)
	mustHoldAll(t, u.source, directoryBlobs(t, u.blobs))
}
