package tests

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// adoptedWalk is random changes to an adopted container, over many mounts.
type adoptedWalk struct {
	*intake
	random *rand.Rand
	disk   *disk // that has STATE and container, or nil
	storm  *storm
	mirror *mirror
	rounds int
}

// newAdoptedWalk mounts a container that is there.
func newAdoptedWalk(t *testing.T, i *intake, d *disk) *adoptedWalk {
	t.Helper()
	w := &adoptedWalk{intake: i, random: seededRandom(t), disk: d}
	w.mirror = newMirror(t, i.point, w.random)
	w.storm = newStorm(t, i, 2, w.random)
	return w
}

// round changes something, has an accident perhaps, publishes, and goes on with the same STATE
// or another one.
func (w *adoptedWalk) round() {
	w.t.Helper()
	w.change()
	w.nextMount()
}

// change changes something, has an accident perhaps, and publishes.
func (w *adoptedWalk) change() {
	w.t.Helper()
	w.mirror.edit(w.random.IntN(25))
	switch accident := w.random.IntN(4); {
	case accident == 0:
		w.killedAtWork()
	case accident == 1:
		w.killedAtPublication()
	case accident == 2 && w.disk != nil:
		w.cutOffAtPublication()
	default:
		w.work()
	}
	if w.t.Failed() {
		w.t.FailNow()
	}
	w.publishAll()
}

// work makes changes without an accident.
func (w *adoptedWalk) work() {
	w.t.Helper()
	for _, e := range w.storm.programs {
		for range 60 {
			must(w.t, e.Step())
		}
	}
}

func (w *adoptedWalk) killedAtWork() {
	w.t.Helper()
	w.storm.blow(w.t, 1+w.random.Int64N(150), w.kill)
	w.goOn()
}

func (w *adoptedWalk) killedAtPublication() {
	w.t.Helper()
	w.work()
	publication := command(w.t, []string{"publish", w.point}).start()
	w.storm.blow(w.t, 1+w.random.Int64N(100), w.kill)
	publication.wait()
	w.goOn()
}

// goOn mounts again after a kill.
func (w *adoptedWalk) goOn() {
	w.t.Helper()
	before := w.await().mustExit(-1).mustNotPanic()
	w.again(busyFlags...)
	w.storm.resume(w.t, before)
}

// cutOffAtPublication has the power cut while what fsync has acknowledged is published.
func (w *adoptedWalk) cutOffAtPublication() {
	w.t.Helper()
	w.work()
	w.closeAll()
	must(w.t, fsync(w.point))
	w.flush()
	publication := command(w.t, []string{"publish", w.point}).start()
	<-time.After(time.Duration(w.random.IntN(40)) * time.Millisecond) // any moment will do
	w.cutPower(w.disk, publication)
	w.again(busyFlags...)
	w.storm.resume(w.t, result{})
}

func (w *adoptedWalk) closeAll() {
	w.t.Helper()
	for _, e := range w.storm.programs {
		must(w.t, e.Close())
	}
}

// publishAll publishes, and wants the container to hold what the mount shows and nothing else.
func (w *adoptedWalk) publishAll() {
	w.t.Helper()
	w.closeAll()
	clfsload(w.t, "publish", "--include-incomplete", w.point).mustExit(exitOK)
	tree := listTree(w.t, w.point)
	w.mirror.mustBeLike(tree, "program-")
	mustHold(w.t, tree, w.blobs(), asMounted)
	clfsload(w.t, "verify", w.target).mustExit(exitOK)
	if w.t.Failed() {
		w.t.FailNow()
	}
}

// nextMount unmounts, and mounts with the same STATE or another one.
func (w *adoptedWalk) nextMount() {
	w.t.Helper()
	w.leave()
	if w.rounds++; w.rounds%2 == 0 {
		w.again(busyFlags...)
		return
	}
	w.adoptAnew(busyFlags...)
	w.lookAround()
}

// leave ends the mount of what is published.
func (w *adoptedWalk) leave() {
	w.t.Helper()
	if w.random.IntN(4) == 0 { // what is published needs no unmount
		w.killed()
		must(w.t, unix.Unmount(w.point, unix.MNT_DETACH))
	} else {
		w.unmounted()
	}
}

// lookAround looks at everything before it is changed, half of the time.
func (w *adoptedWalk) lookAround() {
	w.t.Helper()
	for _, e := range w.storm.programs {
		if w.random.IntN(2) == 0 {
			must(w.t, e.Check())
		}
	}
}

// walk makes rounds.
func (w *adoptedWalk) walk(rounds int) {
	w.t.Helper()
	for n := range rounds {
		w.round()
		if w.t.Failed() {
			w.t.Fatalf("in round %d", n)
		}
	}
	w.unmounted()
	w.t.Logf("%d steps in storms, %d changes to what was there", w.storm.steps.Load(), len(w.mirror.log))
}

// linkedTree is a small tree of directories that share files, with holes in some.
func linkedTree(t *testing.T, random *rand.Rand) string {
	t.Helper()
	source := syncedTree(t, random)
	must(t, os.Truncate(filepath.Join(source, "large"), 9<<20))
	must(t, os.Mkdir(filepath.Join(source, "again"), 0o755))
	runTool(t, "cp", "-al", filepath.Join(source, "a-0"), filepath.Join(source, "again", "first"))
	runTool(t, "cp", "-al", filepath.Join(source, "a-0"), filepath.Join(source, "again", "second"))
	writeFile(t, filepath.Join(source, "sparse"), "at the start")
	must(t, os.Truncate(filepath.Join(source, "sparse"), 25<<20+5))
	must(t, os.Link(filepath.Join(source, "sparse"), filepath.Join(source, "again", "sparse")))
	return source
}

// onDisk is a mount with another STATE of a container, both on a disk whose power can be cut.
func onDisk(t *testing.T, target string) (*intake, *disk) {
	t.Helper()
	d := newDisk(t, 160<<20)
	i := &intake{t: t, state: filepath.Join(d.mount, "state"), target: "dir:" + filepath.Join(d.mount, "container")}
	copyTree(t, target[len("dir:"):], i.container())
	unix.Sync()
	i.mount = mountWith(t, mountPoint(t), i.flags(busyFlags))
	return i, d
}

// rounds is how many there are of n in a test over an adopted container; of all tests together 300
// with the tag large.
func rounds(n int) int { return often(n) * scaled(1, 30) }

func TestRandomRoundsOverAContainerOfALoad(t *testing.T) {
	i, d := onDisk(t, loaded(t, linkedTree(t, seededRandom(t))))
	newAdoptedWalk(t, i, d).walk(rounds(4))
}

func TestRandomRoundsOverAContainerOfCLFSLoad(t *testing.T) {
	i, d := onDisk(t, goldenContainer(t, "lz4"))
	must(t, os.Remove(i.path("links/utf8-target"))) // whose size is wrong
	newAdoptedWalk(t, i, d).walk(rounds(2))
}

func TestRandomRoundsOverAContainerOfAMount(t *testing.T) {
	own := newIntake(t, quickly...)
	own.rsyncInto(linkedTree(t, seededRandom(t)))
	own.unmounted()
	i, d := onDisk(t, own.target)
	newAdoptedWalk(t, i, d).walk(rounds(4))
}
