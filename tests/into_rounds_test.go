package tests

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
	"clfsload/tests/inventory"
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
	w := &intoWalk{adoptedWalk: &adoptedWalk{intake: i, random: seededRandom(t), disk: d}}
	w.mirror = &mirror{t: t, random: w.random, copied: filepath.Join(t.TempDir(), "mirror"), place: place, now: 1_600_000_000}
	return w
}

// walk makes rounds, by turns of the two kinds.
func (w *intoWalk) walk(rounds int) {
	w.t.Helper()
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("the last round was\n%s", strings.Join(w.mirror.log, "\n"))
		}
	})
	for n := range rounds {
		w.mirror.log = nil
		if n%2 == 0 {
			w.loadRound()
		} else {
			w.mountRound()
		}
		if w.t.Failed() {
			w.t.Fatalf("in round %d", n)
		}
	}
}

// mountRound changes the container through a mount, with the STATE of the round before or
// another one.
func (w *intoWalk) mountRound() {
	w.t.Helper()
	if w.random.IntN(3) == 0 {
		w.note("mount a new STATE")
		w.adoptAnew(busyFlags...)
	} else {
		w.note("mount")
		w.again(busyFlags...)
	}
	w.mirror.mount = filepath.Join(w.point, w.mirror.place)
	if w.storm == nil {
		w.storm = newStorm(w.t, w.intake, 2, w.random)
	}
	w.lookAround()
	w.change()
	w.leave()
	w.mirror.mount = ""
}

func (w *intoWalk) note(what string) { w.mirror.log = append(w.mirror.log, "--- "+what) }

// loadRound changes the source, and loads it into the container.
func (w *intoWalk) loadRound() {
	w.t.Helper()
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
	clfsload(w.t, "verify", w.target).mustExit(exitOK)
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
	line := append([]string{"load", w.state, w.mirror.copied, w.target}, flags...)
	if _, err := os.Stat(w.state); err != nil {
		return append(line, "--new")
	}
	return line
}

// plan looks at what a load would do, which changes nothing.
func (w *intoWalk) plan(flags []string, is sight) {
	w.t.Helper()
	w.note("plan the load")
	clfsload(w.t, append(w.line(flags), "--dry-run")...).mustExit(exitOK).mustSay("nothing was written")
	w.mustBeUntouched(is)
}

// load loads until that was done, with the STATE of the round before or another one, and with
// accidents. The source may change in between.
func (w *intoWalk) load(flags []string) {
	w.t.Helper()
	if w.random.IntN(3) == 0 {
		must(w.t, os.RemoveAll(w.state))
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
	clfsload(w.t, w.line(flags)...).mustExit(exitOK).mustNotPanic()
}

// loadChanged loads a source that has changed after a part of it was listed: entries that are
// not there any more fail, until the load has looked once more.
func (w *intoWalk) loadChanged(flags []string) {
	w.t.Helper()
	for range 3 {
		res := clfsload(w.t, w.line(flags)...).mustNotPanic()
		if res.code == exitOK {
			return
		}
		res.mustExit(exitIncomplete)
	}
	w.t.Error("a load of a source that has changed does not come to an end")
}

// disturbed runs a load that has an accident. It reports whether it ended before.
func (w *intoWalk) disturbed(flags []string) (ended bool) {
	w.t.Helper()
	watch := w.watch()
	r := command(w.t, w.line(flags)).start()
	r.awaitEvents(watch, 1+w.random.IntN(50))
	must(w.t, unix.Close(watch))
	if w.random.IntN(3) == 0 {
		return w.cutOff(r)
	}
	w.note("kill the load")
	r.command.Process.Kill()
	return endsCutOff(r)
}

// endsCutOff reports whether a run has ended by itself, and not by SIGKILL.
func endsCutOff(r *run) (ended bool) {
	r.t.Helper()
	res := r.wait().mustNotPanic()
	if res.code == -1 {
		return false
	}
	if res.code != exitIncomplete {
		res.mustExit(exitOK)
	}
	return true
}

// cutOff takes the power of the disk that has STATE and container.
func (w *intoWalk) cutOff(r *run) (ended bool) {
	w.t.Helper()
	w.note("cut the power")
	must(w.t, r.freeze())
	snapshot := w.disk.snapshot()
	r.command.Process.Kill()
	ended = endsCutOff(r)
	w.disk.restore(snapshot)
	startAnew(w.t, w.state)
	return ended
}

// watch makes events of the work of a load: of writes to the journal, or of blobs that are put or
// deleted.
func (w *intoWalk) watch() int {
	w.t.Helper()
	path, mask := filepath.Dir(w.state), uint32(unix.IN_CREATE|unix.IN_MOVE|unix.IN_OPEN|unix.IN_CLOSE)
	_, err := os.Stat(w.state)
	switch {
	case w.random.IntN(2) == 0:
		path, mask = w.container(), unix.IN_MOVED_TO|unix.IN_DELETE
	case err == nil:
		path, mask = w.state, unix.IN_MODIFY
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	must(w.t, err)
	_, err = unix.InotifyAddWatch(fd, path, mask)
	must(w.t, err)
	return fd
}

// sight is a container at one moment.
type sight struct {
	tree  inventory.Tree
	blobs map[string][]byte
}

// look reads the container, all of which must be in reach.
func (w *intoWalk) look() sight {
	w.t.Helper()
	blobs := contentsOf(w.t, w.container())
	maps.DeleteFunc(blobs, func(name string, _ []byte) bool { return strings.HasSuffix(name, ".log") })
	return sight{readContainer(w.t, w.blobs()).Tree, blobs}
}

// mustBeLoaded wants the place of the mirror to be as its copy, and all else to be as it was.
func (w *intoWalk) mustBeLoaded(before, after sight) {
	w.t.Helper()
	w.mirror.mustBeLike(after.tree, "program-")
	reportLines(w.t, "what is not loaded into has changed", inventory.Compare(w.others(before.tree), w.others(after.tree), inventory.Full))
	mustKeepUnchanged(w.t, before, after)
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
	w.t.Helper()
	if w.random.IntN(2) == 0 {
		must(w.t, os.RemoveAll(w.state))
	}
	w.note("load again")
	clfsload(w.t, w.line(flags)...).mustExit(exitOK).mustSay("0 added, 0 replaced, 0 with other attributes, 0 removed")
	w.mustBeUntouched(is)
}

func (w *intoWalk) mustBeUntouched(is sight) {
	w.t.Helper()
	c := changesOf(is.blobs, w.look().blobs)
	if len(c.added)+len(c.gone)+len(c.rewritten) > 0 {
		w.t.Errorf("a command that has nothing to do writes\n%s", c)
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
	must(t, err)
	if s, err := object.DecodeSegment(payload); err == nil {
		return s.Owner, true
	}
	n, err := clfs.ParseName(name)
	must(t, err)
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
func placedOnDisk(t *testing.T, target string) (*intake, *disk) {
	t.Helper()
	d := newDisk(t, 96<<20)
	i := &intake{t: t, state: filepath.Join(d.mount, "state"), target: "dir:" + filepath.Join(d.mount, "container")}
	copyTree(t, target[len("dir:"):], i.container())
	unix.Sync()
	i.mount = &mount{point: mountPoint(t)}
	return i, d
}

// sourceIs makes the mirror's copy.
func (w *intoWalk) sourceIs(tree string) *intoWalk {
	w.t.Helper()
	runTool(w.t, "rsync", "-aH", exactTimes, tree+"/", w.mirror.copied+"/")
	return w
}

// manyLoads is how many loads into a container follow one another; of all tests together 304 with
// the tag large.
func manyLoads() int { return scaled(2, 76) }

func TestRandomRoundsOfLoadsIntoAContainerOfALoad(t *testing.T) {
	source := linkedTree(t, seededRandom(t))
	newIntoWalk(t, loaded(t, source), "").sourceIs(source).walk(manyLoads())
}

func TestRandomRoundsOfLoadsIntoADirectoryOfAContainer(t *testing.T) {
	target := loaded(t, linkedTree(t, seededRandom(t)))
	newIntoWalk(t, target, "new/place").sourceIs(linkedTree(t, seededRandom(t))).walk(manyLoads())
}

func TestRandomRoundsOfLoadsIntoAContainerOfCLFSLoad(t *testing.T) {
	target := goldenContainer(t, "lz4")
	reader := mountContainer(t, target)
	w := newIntoWalk(t, target, "").sourceIs(reader.point)
	w.again(quickly...)
	must(t, os.Remove(w.path("links/utf8-target"))) // whose size is wrong
	w.unmounted()
	must(t, os.Remove(filepath.Join(w.mirror.copied, "links/utf8-target")))
	w.walk(manyLoads())
}

func TestRandomRoundsOfLoadsIntoAContainerOfAMount(t *testing.T) {
	own := newIntake(t, quickly...)
	source := linkedTree(t, seededRandom(t))
	own.rsyncInto(source)
	own.unmounted()
	newIntoWalk(t, own.target, "").sourceIs(source).walk(manyLoads())
}
