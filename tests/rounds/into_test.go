package rounds

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// intoWalk is random changes to a container that is there: by loads of a tree into a directory
// of it, and by mounts. The mirror is the source, and a copy of what the mounts show.
type intoWalk struct {
	*adoptedWalk
}

// newIntoWalk begins with a container of which a directory is as the mirror's copy: "" is all
// of it.
func newIntoWalk(t *testing.T, target, place string) *intoWalk {
	t.Helper()
	i, d := placedOnDisk(t, target)
	w := &intoWalk{adoptedWalk: &adoptedWalk{Intake: i, random: trees.SeededRandom(t), disk: d}}
	w.mirror = &mirror{t: t, random: w.random, copied: filepath.Join(t.TempDir(), "mirror"), place: place, now: 1_600_000_000}
	return w
}

// walk makes rounds, by turns of the two kinds.
func (w *intoWalk) walk(rounds int) {
	w.T.Helper()
	w.T.Cleanup(func() {
		if w.T.Failed() {
			w.T.Logf("the last round was\n%s", strings.Join(w.mirror.log, "\n"))
		}
	})
	for n := range rounds {
		w.mirror.log = nil
		if n%2 == 0 {
			w.loadRound()
		} else {
			w.mountRound()
		}
		if w.T.Failed() {
			w.T.Fatalf("in round %d", n)
		}
	}
}

// mountRound changes the container through a mount, with the STATE of the round before or
// another one.
func (w *intoWalk) mountRound() {
	w.T.Helper()
	if w.random.IntN(3) == 0 {
		w.note("mount a new STATE")
		w.AdoptAnew(mounted.BusyFlags...)
	} else {
		w.note("mount")
		w.Again(mounted.BusyFlags...)
	}
	w.mirror.mount = filepath.Join(w.Point, w.mirror.place)
	if w.storm == nil {
		w.storm = mounted.NewStorm(w.T, w.Intake, 2, w.random)
	}
	w.lookAround()
	w.change()
	w.leave()
	w.mirror.mount = ""
}

func (w *intoWalk) note(what string) { w.mirror.log = append(w.mirror.log, "--- "+what) }

// loadRound changes the source, and loads it into the container.
func (w *intoWalk) loadRound() {
	w.T.Helper()
	before := w.look()
	w.mirror.edit(w.random.IntN(25))
	flags := w.loadFlags()
	if w.random.IntN(4) == 0 {
		w.plan(flags, before)
	}
	w.load(flags)
	after := w.look()
	w.mustBeLoaded(before, after)
	w.mustHaveNothingToDo(flags, after)
	harness.Clfsload(w.T, "verify", w.Target).MustExit(harness.ExitOK)
}

// loadFlags are those of all runs of a load.
func (w *intoWalk) loadFlags() []string {
	flags := []string{"--into", "/" + w.mirror.place, "--update", "--delete", "--preserve-hardlinks"}
	if w.mirror.place == "" {
		flags = append(flags, "--exclude", "/program-*") // is not the mirror's
	}
	if w.random.IntN(4) == 0 {
		flags = append(flags, "--checksum")
	}
	if w.random.IntN(2) == 0 {
		flags = append(flags, "--concurrency", "2")
	}
	return flags
}

// line is the command line of a load, with --new if there is no STATE.
func (w *intoWalk) line(flags []string) []string {
	line := append([]string{"load", w.State, w.mirror.copied, w.Target}, flags...)
	if _, err := os.Stat(w.State); err != nil {
		return append(line, "--new")
	}
	return line
}

// plan looks at what a load would do, which changes nothing.
func (w *intoWalk) plan(flags []string, is sight) {
	w.T.Helper()
	w.note("plan the load")
	harness.Clfsload(w.T, append(w.line(flags), "--dry-run")...).MustExit(harness.ExitOK).MustSay("nothing was written")
	w.mustBeUntouched(is)
}

// load loads until that was done, with the STATE of the round before or another one, and with
// accidents. The source may change in between.
func (w *intoWalk) load(flags []string) {
	w.T.Helper()
	if w.random.IntN(3) == 0 {
		harness.Must(w.T, os.RemoveAll(w.State))
	}
	changed := false
	for range w.random.IntN(4) {
		if w.disturbed(flags) {
			w.note("the load has ended by itself")
			break
		}
		if w.random.IntN(5) == 0 {
			w.mirror.edit(w.random.IntN(5))
			changed = true
		}
	}
	if changed { // what was listed already is as it was then
		w.note("load what was listed before the change")
		w.loadChanged(flags)
	}
	w.note("load")
	harness.Clfsload(w.T, w.line(flags)...).MustExit(harness.ExitOK).MustNotPanic()
}

// loadChanged loads a source that has changed after a part of it was listed: entries that are
// not there any more fail, until the load has looked once more.
func (w *intoWalk) loadChanged(flags []string) {
	w.T.Helper()
	for range 3 {
		res := harness.Clfsload(w.T, w.line(flags)...).MustNotPanic()
		if res.Code == harness.ExitOK {
			return
		}
		res.MustExit(harness.ExitIncomplete)
	}
	w.T.Error("a load of a source that has changed does not come to an end")
}

// disturbed runs a load that has an accident. It reports whether it ended before.
func (w *intoWalk) disturbed(flags []string) (ended bool) {
	w.T.Helper()
	watch := w.watch()
	r := harness.Command(w.T, w.line(flags)).Start()
	r.AwaitEvents(watch, 1+w.random.IntN(50))
	harness.Must(w.T, unix.Close(watch))
	if w.random.IntN(3) == 0 {
		return w.cutOff(r)
	}
	w.note("kill the load")
	r.Command.Process.Kill()
	return endsCutOff(r)
}

// endsCutOff reports whether a run has ended by itself, and not by SIGKILL.
func endsCutOff(r *harness.Run) (ended bool) {
	r.T.Helper()
	res := r.Wait().MustNotPanic()
	if res.Code == -1 {
		return false
	}
	if res.Code != harness.ExitIncomplete {
		res.MustExit(harness.ExitOK)
	}
	return true
}

// cutOff takes the power of the disk that has STATE and container.
func (w *intoWalk) cutOff(r *harness.Run) (ended bool) {
	w.T.Helper()
	w.note("cut the power")
	harness.Must(w.T, r.Freeze())
	snapshot := w.disk.Snapshot()
	r.Command.Process.Kill()
	ended = endsCutOff(r)
	w.disk.Restore(snapshot)
	harness.StartAnew(w.T, w.State)
	return ended
}

// watch makes events of the work of a load: of writes to the journal, or of blobs that are put or
// deleted.
func (w *intoWalk) watch() int {
	w.T.Helper()
	path, mask := filepath.Dir(w.State), uint32(unix.IN_CREATE|unix.IN_MOVE|unix.IN_OPEN|unix.IN_CLOSE)
	_, err := os.Stat(w.State)
	switch {
	case w.random.IntN(2) == 0:
		path, mask = w.Container(), unix.IN_MOVED_TO|unix.IN_DELETE
	case err == nil:
		path, mask = w.State, unix.IN_MODIFY
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	harness.Must(w.T, err)
	_, err = unix.InotifyAddWatch(fd, path, mask)
	harness.Must(w.T, err)
	return fd
}

// sight is a container at one moment.
type sight struct {
	tree  inventory.Tree
	blobs map[string][]byte
}

// look reads the container, all of which must be in reach.
func (w *intoWalk) look() sight {
	w.T.Helper()
	blobs := harness.ContentsOf(w.T, w.Container())
	maps.DeleteFunc(blobs, func(name string, _ []byte) bool { return strings.HasSuffix(name, ".log") })
	return sight{trees.ReadContainer(w.T, w.Blobs()).Tree, blobs}
}

// mustBeLoaded wants the place of the mirror to be as its copy, and all else to be as it was.
func (w *intoWalk) mustBeLoaded(before, after sight) {
	w.T.Helper()
	w.mirror.mustBeLike(after.tree, "program-")
	trees.ReportLines(w.T, "what is not loaded into has changed", inventory.Compare(w.others(before.tree), w.others(after.tree), inventory.Full))
	mustKeepUnchanged(w.T, before, after)
}

// others are the entries that are not the mirror's, but for the directories that lead to its place.
func (w *intoWalk) others(tree inventory.Tree) inventory.Tree {
	others := maps.Clone(tree)
	for path := range tree {
		_, within := w.mirror.within(path)
		leads := path == "." || strings.HasPrefix(w.mirror.place, path+"/")
		if leads || within && !strings.HasPrefix(path, "program-") {
			delete(others, path)
		}
	}
	return others
}

// mustHaveNothingToDo wants the same load once more to write nothing.
func (w *intoWalk) mustHaveNothingToDo(flags []string, is sight) {
	w.T.Helper()
	if w.random.IntN(2) == 0 {
		harness.Must(w.T, os.RemoveAll(w.State))
	}
	w.note("load again")
	harness.Clfsload(w.T, w.line(flags)...).MustExit(harness.ExitOK).MustSay("0 added, 0 replaced, 0 with other attributes, 0 removed")
	w.mustBeUntouched(is)
}

func (w *intoWalk) mustBeUntouched(is sight) {
	w.T.Helper()
	c := trees.ChangesOf(is.blobs, w.look().blobs)
	if len(c.Added)+len(c.Gone)+len(c.Rewritten) > 0 {
		w.T.Errorf("a command that has nothing to do writes\n%s", c)
	}
}

// mustKeepUnchanged wants the blobs of objects that are as they were to be the same bytes under
// the same names, and the segments of files whose contents are as they were.
func mustKeepUnchanged(t *testing.T, before, after sight) {
	t.Helper()
	was, is := thingsOf(before.tree), thingsOf(after.tree)
	for name, data := range before.blobs {
		id, isSegment := ownerOf(t, name, data)
		a, b := was[id], is[id]
		if a == nil {
			continue // no inode: the bucket object
		}
		untouched := a.equal(b) || isSegment && a.sameContents(b)
		if untouched && !bytes.Equal(after.blobs[name], data) {
			t.Errorf("%s is not as it was, though nothing of it has changed: %v", name, a.names)
		}
	}
}

// ownerOf is the inode that a blob belongs to.
func ownerOf(t *testing.T, name string, data []byte) (id clfs.ID, isSegment bool) {
	t.Helper()
	payload, _, err := compression.Unpack(data, object.MaxSegmentPayload)
	harness.Must(t, err)
	if s, err := object.DecodeSegment(payload); err == nil {
		return s.Owner, true
	}
	n, err := clfs.ParseName(name)
	harness.Must(t, err)
	return n.ID, false
}

// thing is an inode with all that refers to it.
type thing struct {
	entry    inventory.Entry // without its path
	names    []string        // with the directories that they are in
	contents []string        // of a directory
}

// thingsOf are those of a container.
func thingsOf(tree inventory.Tree) map[clfs.ID]*thing {
	things := map[clfs.ID]*thing{}
	for _, e := range tree {
		things[e.ID] = &thing{entry: e}
		things[e.ID].entry.Path, things[e.ID].entry.Group = "", ""
	}
	for _, path := range slices.Sorted(maps.Keys(tree)) {
		above, name := tree[filepath.Dir(path)].ID, filepath.Base(path)
		th, dir := things[tree[path].ID], things[above]
		th.names = append(th.names, fmt.Sprint(above, "/", name))
		dir.contents = append(dir.contents, fmt.Sprint(name, " is ", tree[path].ID))
	}
	return things
}

// equal compares all, in whichever order it was found.
func (a *thing) equal(b *thing) bool {
	if b == nil {
		return false
	}
	slices.Sort(a.names)
	slices.Sort(b.names)
	return a.entry == b.entry && slices.Equal(a.names, b.names) && slices.Equal(a.contents, b.contents)
}

// sameContents compares the bytes of files, and the entries of directories.
func (a *thing) sameContents(b *thing) bool {
	return b != nil && a.entry.Type == b.entry.Type && a.entry.Size == b.entry.Size && a.entry.Hash == b.entry.Hash && slices.Equal(a.contents, b.contents)
}

// placedOnDisk is a copy of a container on a disk whose power can be cut, and a place to mount it.
func placedOnDisk(t *testing.T, target string) (*mounted.Intake, *harness.Disk) {
	t.Helper()
	d := harness.NewDisk(t, 96<<20)
	i := &mounted.Intake{T: t, State: filepath.Join(d.Mount, "state"), Target: "dir:" + filepath.Join(d.Mount, "container")}
	harness.CopyTree(t, target[len("dir:"):], i.Container())
	unix.Sync()
	i.Mount = &mounted.Mount{Point: mounted.Point(t)}
	return i, d
}

// sourceIs makes the mirror's copy.
func (w *intoWalk) sourceIs(tree string) *intoWalk {
	w.T.Helper()
	harness.RunTool(w.T, "rsync", "-aH", harness.ExactTimes, tree+"/", w.mirror.copied+"/")
	return w
}

// manyLoads is how many loads into a container follow one another; of all tests together 304 with
// the tag large.
func manyLoads() int { return harness.Scaled(2, 76) }

func TestRandomRoundsOfLoadsIntoAContainerOfALoad(t *testing.T) {
	source := linkedTree(t, trees.SeededRandom(t))
	newIntoWalk(t, harness.Loaded(t, source), "").sourceIs(source).walk(manyLoads())
}

func TestRandomRoundsOfLoadsIntoADirectoryOfAContainer(t *testing.T) {
	target := harness.Loaded(t, linkedTree(t, trees.SeededRandom(t)))
	newIntoWalk(t, target, "new/place").sourceIs(linkedTree(t, trees.SeededRandom(t))).walk(manyLoads())
}

func TestRandomRoundsOfLoadsIntoAContainerOfCLFSLoad(t *testing.T) {
	target := trees.GoldenContainer(t, "lz4")
	reader := mounted.ReadOnly(t, target)
	w := newIntoWalk(t, target, "").sourceIs(reader.Point)
	w.Again(mounted.Quickly...)
	harness.Must(t, os.Remove(w.Path("links/utf8-target"))) // whose size is wrong
	w.Unmounted()
	harness.Must(t, os.Remove(filepath.Join(w.mirror.copied, "links/utf8-target")))
	w.walk(manyLoads())
}

func TestRandomRoundsOfLoadsIntoAContainerOfAMount(t *testing.T) {
	own := mounted.NewIntake(t, mounted.Quickly...)
	source := linkedTree(t, trees.SeededRandom(t))
	own.RsyncInto(source)
	own.Unmounted()
	newIntoWalk(t, own.Target, "").sourceIs(source).walk(manyLoads())
}
