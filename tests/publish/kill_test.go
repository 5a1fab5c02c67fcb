package publish

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// What a system call has acknowledged is there after a kill of the mount at any moment,
// and what was published can be read. In the end the container is the tree.
func TestAMountThatIsKilledInAStormOfChangesLosesNothing(t *testing.T) {
	random := trees.SeededRandom(t)
	i := mounted.NewIntake(t, mounted.BusyFlags...)
	s := mounted.NewStorm(t, i, 3, random)
	for round := range trees.Kills {
		publication := harness.Command(t, []string{"publish", i.Point}).Start()
		if round%5 == 4 {
			publication.Wait()
			publication = harness.Command(t, []string{"publish", i.Point}).Start()
		}
		s.Blow(t, 1+random.Int64N(600), i.Kill)
		publication.Wait()
		s.GoOn(t, i, i.Blobs)
	}
	for _, e := range s.Programs {
		harness.Must(t, e.Close())
	}
	harness.Clfsload(t, "publish", "--include-incomplete", i.Point).MustExit(harness.ExitOK)
	i.EndsPublished()
	t.Logf("%d steps; %d entries were published at the last kill", s.Steps.Load(), s.Published)
}

// rsyncUntil copies a tree into the mount, and calls act when it has begun with so many
// entries, or when it has ended.
func rsyncUntil(i *mounted.Intake, source string, entries int, act func()) {
	i.T.Helper()
	ctx, cancel := context.WithCancel(i.T.Context())
	defer cancel()
	tool := exec.CommandContext(ctx, "rsync", "-aH", "--outbuf=L", "--out-format=%n", source+"/", i.Point+"/")
	tool.WaitDelay = mounted.Deadline
	// When the mount is gone, the three processes of rsync may wait for each other.
	lines := &lineCounter{due: entries, act: func() { act(); cancel() }}
	tool.Stdout = lines
	_ = tool.Run()
	lines.end()
}

// lineCounter calls act when that many lines were written to it.
type lineCounter struct {
	due  int
	act  func()
	once sync.Once
}

func (l *lineCounter) Write(p []byte) (int, error) {
	if l.due -= strings.Count(string(p), "\n"); l.due <= 0 {
		l.end()
	}
	return len(p), nil
}

func (l *lineCounter) end() { l.once.Do(l.act) }

// isTemporary reports whether a path is one that rsync writes to before it gives the
// file its name.
func isTemporary(path string) bool { return strings.HasPrefix(filepath.Base(path), ".") && path != "." }

// mustHavePart wants what has its name already to be whole, and to be no less than it was.
func mustHavePart(t *testing.T, source, before, now inventory.Tree) {
	t.Helper()
	for path, want := range source {
		got, found := now[path]
		if _, had := before[path]; !found && had {
			t.Errorf("%s is not there any more", path)
		}
		if found && (got.Type != want.Type || got.Hash != want.Hash || got.Size != want.Size || got.Target != want.Target) {
			t.Errorf("%s: %+v, not %+v", path, got, want)
		}
	}
	for path := range now {
		if _, found := source[path]; !found && !isTemporary(path) {
			t.Errorf("%s comes from nowhere", path)
		}
	}
}

// rsync gives a file its name when it is written, so whatever has a name is whole: in
// the mount after a kill, and in the container at any time.
func TestAMountThatIsKilledUnderRsyncLosesNothing(t *testing.T) {
	random := trees.SeededRandom(t)
	source := trees.SyncedTree(t, random)
	want := trees.List(t, source)
	i := mounted.NewIntake(t, mounted.BusyFlags...)
	had := inventory.Tree{}
	for range trees.Kills {
		rsyncUntil(i, source, random.IntN(2*len(want)/trees.Kills+1), i.Kill)
		i.Await().MustExit(-1).MustNotPanic()
		mustHavePart(t, want, nil, trees.Readable(t, i.Blobs()))
		i.Again(mounted.BusyFlags...)
		now := trees.List(t, i.Point)
		mustHavePart(t, want, had, now)
		had = now
		for _, path := range i.Status().IncompletePaths() {
			if !isTemporary(path) {
				t.Errorf("%s is called incomplete", path)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d of %d entries were there after the last kill", len(had), len(want))
	harness.RunTool(t, "rsync", "-aH", "--delete", harness.ExactTimes, source+"/", i.Point+"/")
	i.NothingToDo(source)
	if left := i.Status().IncompletePaths(); len(left) > 0 {
		t.Errorf("incomplete when all is written again: %q", left)
	}
	i.EndsPublished()
	harness.Clfsload(t, "verify", "--source", source, i.Target).MustExit(harness.ExitOK)
}

// A file whose writer was cut off is kept, told, and not published until somebody says
// that it will do.
func TestAFileThatAKillCutOffIsNotPublishedByItself(t *testing.T) {
	c := remote.NewMetered(t)
	i := mounted.NewIntakeInto(t, c.URL, "--settle", "50ms")
	harness.WriteFile(t, i.Path("whole"), "whole")
	i.Flush()
	i.Publish()
	// Of a large file the first segments are in the container before it is closed.
	c.Await(remote.Moment{Blobs: c.Seen() + 2, Stored: true, Act: i.Kill})
	out, err := exec.Command("dd", "if=/dev/urandom", "of="+i.Path("cut"), "bs=64k", "count=10000").CombinedOutput()
	if err == nil {
		t.Fatalf("dd was not cut off: %s", out)
	}
	i.Await().MustExit(-1)
	i.Again("--settle", "50ms")
	kept, err := os.ReadFile(i.Path("cut"))
	if err != nil || len(kept) < 16<<20 {
		t.Errorf("%d bytes of it were kept, %v", len(kept), err)
	}
	if told := i.Status().IncompletePaths(); len(told) != 1 || told[0] != "cut" && told[0] != "/cut" {
		t.Errorf("status tells of %q", told)
	}
	harness.Clfsload(t, "status", i.Point).MustExit(harness.ExitOK).MustSay("cut", "incomplete")
	if text := progress(i, "cut"); !strings.Contains(text, "incomplete") {
		t.Errorf("its attribute says %q", text)
	}
	harness.Clfsload(t, "flush", i.Point).MustExit(harness.ExitIncomplete).MustSay("cut", "incomplete")
	harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitIncomplete).MustSay("cut: incomplete")
	published := trees.Readable(t, c.Inventory())
	if _, found := published["cut"]; found || published["whole"].Size != 5 {
		t.Errorf("published: %+v", published)
	}
	harness.Clfsload(t, "publish", "--include-incomplete", i.Point).MustExit(harness.ExitOK)
	contents := trees.MustHold(t, trees.List(t, i.Point), trees.Lived(c.Inventory()), trees.AsMounted)
	if size := contents.Tree["cut"].Size; size != uint64(len(kept)) {
		t.Errorf("%d bytes are published, not %d", size, len(kept))
	}
	i.EndsWell(unix.SIGTERM)
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK)
}

// Once it was written again and closed, such a file is like any other.
func TestAFileThatAKillCutOffIsPublishedWhenItIsWrittenAgain(t *testing.T) {
	i := mounted.NewIntake(t, "--settle", "50ms")
	f, err := os.Create(i.Path("cut"))
	harness.Must(t, err)
	_, err = f.WriteString("half of")
	harness.Must(t, err)
	i.Killed()
	f.Close()
	i.Again("--settle", "50ms")
	if got, err := os.ReadFile(i.Path("cut")); err != nil || string(got) != "half of" {
		t.Errorf("%q, %v", got, err)
	}
	harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitIncomplete).MustSay("cut")
	harness.WriteFile(t, i.Path("cut"), "all of it")
	i.Publish()
	i.MustBePublished()
	i.EndsPublished()
}
