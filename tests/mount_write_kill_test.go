package tests

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/exerciser"
	"clfsload/tests/inventory"
)

// busyFlags let a mount upload and publish all the time, so that a kill meets all of
// its work.
var busyFlags = []string{"--settle", "50ms", "--publish-interval", "1s"}

// killed ends the process of a mount where it is.
func (i *intake) killed() {
	i.t.Helper()
	i.end(unix.SIGKILL).mustExit(-1).mustNotPanic()
}

// endsPublished unmounts, and wants the container to be the tree that the mount showed.
func (i *intake) endsPublished() {
	i.t.Helper()
	tree := listTree(i.t, i.point)
	clfsload(i.t, "unmount", i.point).mustExit(exitOK)
	i.await().mustExit(exitOK).mustNotPanic()
	mustHold(i.t, tree, i.blobs(), asMounted)
	clfsload(i.t, "verify", i.target).mustExit(exitOK)
}

// passing are the problems of a container that an upload or a publication has not
// ended in, which keep nobody from reading it. In the middle of a publication what was
// moved may be in two directories, or in the old one while its inode tells of the new,
// and directories that have changed places one above the other may be in a circle.
var passing = []string{"nothing reaches this blob", "is reached twice", "its back pointers are", "in its first directory",
	"name in the inode is", "blob name is", `entry ".." of`, "have one sequence number", "leads back to a directory above it"}

// readable reads what the root of a container reaches while nobody works on it, also in
// the middle of a publication. Of an object with several versions the newest counts.
func readable(t *testing.T, blobs inventory.Blobs) inventory.Tree {
	t.Helper()
	if !slices.ContainsFunc(blobs.Names, func(name string) bool { return strings.HasPrefix(name, rootPrefix) }) {
		return nil // nothing was published yet
	}
	blobs = newestOf(blobs)
	contents := inventory.OfContainer(blobs)
	var problems []string
	for _, problem := range contents.Problems {
		if !containsAny(problem, passing) {
			problems = append(problems, problem)
		}
	}
	reportLines(t, "what is published cannot be read", problems)
	return contents.Tree
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// newestOf leaves the blob of the highest version of each object.
func newestOf(blobs inventory.Blobs) inventory.Blobs {
	newest := map[clfs.ID]clfs.Name{}
	var names []string
	for _, text := range blobs.Names {
		name, err := clfs.ParseName(text)
		if err != nil {
			names = append(names, text)
			continue
		}
		if old, found := newest[name.ID]; !found || old.Version < name.Version {
			newest[name.ID] = name
		}
	}
	for _, name := range newest {
		names = append(names, name.String())
	}
	return inventory.Blobs{Names: names, Get: blobs.Get, Lived: true}
}

// storm is several programs at work in a mount, each in a directory of its own. Every
// third mostly changes names: those are what a publication has to keep whole.
type storm struct {
	programs  []*exerciser.Exerciser
	steps     atomic.Int64
	due       atomic.Int64 // the number of steps at which act is called
	act       func()
	published int // entries that were within reach after the last kill
}

func newStorm(t *testing.T, i *intake, programs int, random *rand.Rand) *storm {
	t.Helper()
	s := &storm{}
	for n := range programs {
		e, err := exerciser.New(i.directory(fmt.Sprint("program-", n)), exerciser.Options{
			Seed: random.Uint64(), Entries: 60, Large: 9 << 20, Small: 40_000, Names: n%3 == 2})
		must(t, err)
		t.Cleanup(func() { _ = e.Close() })
		s.programs = append(s.programs, e)
	}
	return s
}

// blow lets the programs work until the file system is gone. At so many steps from now
// act is called, while they go on.
func (s *storm) blow(t *testing.T, steps int64, act func()) {
	t.Helper()
	s.act = act
	s.due.Store(s.steps.Load() + steps)
	var programs sync.WaitGroup
	for _, e := range s.programs {
		programs.Go(func() {
			for {
				err := e.Step()
				if errors.Is(err, exerciser.ErrInterrupted) {
					return
				}
				if err != nil {
					t.Error(err)
					act()
					return
				}
				if s.steps.Add(1) == s.due.Load() {
					act()
				}
			}
		})
	}
	programs.Wait()
}

// resume wants all to be there that the programs were told has happened.
func (s *storm) resume(t *testing.T, before result) {
	t.Helper()
	if t.Failed() {
		t.Log(clip(before.stderr))
	}
	for _, e := range s.programs {
		if err := e.Resume(); err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// goOn mounts again after a kill. What was published must be within reach in the
// container that the kill has left, blobs, and what was acknowledged in the mount.
func (s *storm) goOn(t *testing.T, i *intake, blobs func() inventory.Blobs) {
	t.Helper()
	ended := i.await().mustExit(-1).mustNotPanic()
	if now := readable(t, blobs()); len(now) < min(1, s.published) {
		t.Error("what was published is out of reach")
	} else {
		s.published = len(now)
	}
	i.again(busyFlags...)
	s.resume(t, ended)
}

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

// syncedTree is a small tree with what rsync -aH has to keep: links of both kinds, and
// a file that takes a while.
func syncedTree(t *testing.T, random *rand.Rand) string {
	t.Helper()
	source := t.TempDir()
	for n := range 20 {
		directory := filepath.Join(source, fmt.Sprint("a-", n%4), fmt.Sprint("b-", n))
		must(t, os.MkdirAll(directory, 0o755))
		for f := range 12 {
			path := filepath.Join(directory, fmt.Sprint("file-", f))
			writeFile(t, path, strings.Repeat(fmt.Sprintln("contents of", path), random.IntN(1000)))
		}
		must(t, os.Symlink("../somewhere", filepath.Join(directory, "symlink")))
		must(t, os.Link(filepath.Join(directory, "file-1"), filepath.Join(source, fmt.Sprint("a-", n%4), fmt.Sprint("link-", n))))
	}
	writeNoise(t, filepath.Join(source, "large"), 20<<20, random)
	return source
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

// lived is a container that a mount has written.
func lived(blobs inventory.Blobs) inventory.Blobs {
	blobs.Lived = true
	return blobs
}
