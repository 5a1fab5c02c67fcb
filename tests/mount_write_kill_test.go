package tests

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/inventory"
)

// What a system call has acknowledged is there after a kill of the mount at any moment,
// and what was published can be read. In the end the container is the tree.
func TestAMountThatIsKilledInAStormOfChangesLosesNothing(t *testing.T) {
	random := seededRandom(t)
	i := newIntake(t, busyFlags...)
	s := newStorm(t, i, 3, random)
	for round := range kills {
		publication := command(t, []string{"publish", i.point}).start()
		if round%5 == 4 {
			publication.wait()
			publication = command(t, []string{"publish", i.point}).start()
		}
		s.blow(t, 1+random.Int64N(600), i.kill)
		publication.wait()
		s.goOn(t, i, i.blobs)
	}
	for _, e := range s.programs {
		must(t, e.Close())
	}
	clfsload(t, "publish", "--include-incomplete", i.point).mustExit(exitOK)
	i.endsPublished()
	t.Logf("%d steps; %d entries were published at the last kill", s.steps.Load(), s.published)
}

// rsyncUntil copies a tree into the mount, and calls act when it has begun with so many
// entries, or when it has ended.
func rsyncUntil(i *intake, source string, entries int, act func()) {
	i.t.Helper()
	ctx, cancel := context.WithCancel(i.t.Context())
	defer cancel()
	tool := exec.CommandContext(ctx, "rsync", "-aH", "--outbuf=L", "--out-format=%n", source+"/", i.point+"/")
	tool.WaitDelay = deadline
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
	random := seededRandom(t)
	source := syncedTree(t, random)
	want := listTree(t, source)
	i := newIntake(t, busyFlags...)
	had := inventory.Tree{}
	for range kills {
		rsyncUntil(i, source, random.IntN(2*len(want)/kills+1), i.kill)
		i.await().mustExit(-1).mustNotPanic()
		mustHavePart(t, want, nil, readable(t, i.blobs()))
		i.again(busyFlags...)
		now := listTree(t, i.point)
		mustHavePart(t, want, had, now)
		had = now
		for _, path := range i.status().incomplete() {
			if !isTemporary(path) {
				t.Errorf("%s is called incomplete", path)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d of %d entries were there after the last kill", len(had), len(want))
	runTool(t, "rsync", "-aH", "--delete", exactTimes, source+"/", i.point+"/")
	i.nothingToDo(source)
	if left := i.status().incomplete(); len(left) > 0 {
		t.Errorf("incomplete when all is written again: %q", left)
	}
	i.endsPublished()
	clfsload(t, "verify", "--source", source, i.target).mustExit(exitOK)
}

// A file whose writer was cut off is kept, told, and not published until somebody says
// that it will do.
func TestAFileThatAKillCutOffIsNotPublishedByItself(t *testing.T) {
	c := newMeteredContainer(t)
	i := newIntakeInto(t, c.url, "--settle", "50ms")
	writeFile(t, i.path("whole"), "whole")
	i.flush()
	i.publish()
	// Of a large file the first segments are in the container before it is closed.
	c.await(moment{blobs: c.seen() + 2, stored: true, act: i.kill})
	out, err := exec.Command("dd", "if=/dev/urandom", "of="+i.path("cut"), "bs=64k", "count=10000").CombinedOutput()
	if err == nil {
		t.Fatalf("dd was not cut off: %s", out)
	}
	i.await().mustExit(-1)
	i.again("--settle", "50ms")
	kept, err := os.ReadFile(i.path("cut"))
	if err != nil || len(kept) < 16<<20 {
		t.Errorf("%d bytes of it were kept, %v", len(kept), err)
	}
	if told := i.status().incomplete(); len(told) != 1 || told[0] != "cut" && told[0] != "/cut" {
		t.Errorf("status tells of %q", told)
	}
	clfsload(t, "status", i.point).mustExit(exitOK).mustSay("cut", "incomplete")
	if text := progress(i, "cut"); !strings.Contains(text, "incomplete") {
		t.Errorf("its attribute says %q", text)
	}
	clfsload(t, "flush", i.point).mustExit(exitIncomplete).mustSay("cut", "incomplete")
	clfsload(t, "publish", i.point).mustExit(exitIncomplete).mustSay("cut: incomplete")
	published := readable(t, c.inventory())
	if _, found := published["cut"]; found || published["whole"].Size != 5 {
		t.Errorf("published: %+v", published)
	}
	clfsload(t, "publish", "--include-incomplete", i.point).mustExit(exitOK)
	contents := mustHold(t, listTree(t, i.point), lived(c.inventory()), asMounted)
	if size := contents.Tree["cut"].Size; size != uint64(len(kept)) {
		t.Errorf("%d bytes are published, not %d", size, len(kept))
	}
	i.endsWell(unix.SIGTERM)
	clfsload(t, "verify", i.target).mustExit(exitOK)
}

// Once it was written again and closed, such a file is like any other.
func TestAFileThatAKillCutOffIsPublishedWhenItIsWrittenAgain(t *testing.T) {
	i := newIntake(t, "--settle", "50ms")
	f, err := os.Create(i.path("cut"))
	must(t, err)
	_, err = f.WriteString("half of")
	must(t, err)
	i.killed()
	f.Close()
	i.again("--settle", "50ms")
	if got, err := os.ReadFile(i.path("cut")); err != nil || string(got) != "half of" {
		t.Errorf("%q, %v", got, err)
	}
	clfsload(t, "publish", i.point).mustExit(exitIncomplete).mustSay("cut")
	writeFile(t, i.path("cut"), "all of it")
	i.publish()
	i.mustBePublished()
	i.endsPublished()
}
