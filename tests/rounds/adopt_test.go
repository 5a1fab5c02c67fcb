package rounds

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// adoptedWalk is random changes to an adopted container, over many mounts.
type adoptedWalk struct {
	*mounted.Intake
	random *rand.Rand
	disk   *harness.Disk // that has STATE and container, or nil
	storm  *mounted.Storm
	mirror *mirror
	rounds int
}

// newAdoptedWalk mounts a container that is there.
func newAdoptedWalk(t *testing.T, i *mounted.Intake, d *harness.Disk) *adoptedWalk {
	t.Helper()
	w := &adoptedWalk{Intake: i, random: trees.SeededRandom(t), disk: d}
	w.mirror = newMirror(t, i.Point, w.random)
	w.storm = mounted.NewStorm(t, i, 2, w.random)
	return w
}

// round changes something, has an accident perhaps, publishes, and goes on with the same STATE
// or another one.
func (w *adoptedWalk) round() {
	w.T.Helper()
	w.change()
	w.nextMount()
}

// change changes something, has an accident perhaps, and publishes.
func (w *adoptedWalk) change() {
	w.T.Helper()
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
	if w.T.Failed() {
		w.T.FailNow()
	}
	w.publishAll()
}

// work makes changes without an accident.
func (w *adoptedWalk) work() {
	w.T.Helper()
	for _, e := range w.storm.Programs {
		for range 60 {
			harness.Must(w.T, e.Step())
		}
	}
}

func (w *adoptedWalk) killedAtWork() {
	w.T.Helper()
	w.storm.Blow(w.T, 1+w.random.Int64N(150), w.Kill)
	w.goOn()
}

func (w *adoptedWalk) killedAtPublication() {
	w.T.Helper()
	w.work()
	publication := harness.Command(w.T, []string{"publish", w.Point}).Start()
	w.storm.Blow(w.T, 1+w.random.Int64N(100), w.Kill)
	publication.Wait()
	w.goOn()
}

// goOn mounts again after a kill.
func (w *adoptedWalk) goOn() {
	w.T.Helper()
	before := w.Await().MustExit(-1).MustNotPanic()
	w.Again(mounted.BusyFlags...)
	w.storm.Resume(w.T, before)
}

// cutOffAtPublication has the power cut while what fsync has acknowledged is published.
func (w *adoptedWalk) cutOffAtPublication() {
	w.T.Helper()
	w.work()
	w.closeAll()
	harness.Must(w.T, harness.Fsync(w.Point))
	w.Flush()
	publication := harness.Command(w.T, []string{"publish", w.Point}).Start()
	<-time.After(time.Duration(w.random.IntN(40)) * time.Millisecond) // any moment will do
	w.CutPower(w.disk, publication)
	w.Again(mounted.BusyFlags...)
	w.storm.Resume(w.T, harness.Result{})
}

func (w *adoptedWalk) closeAll() {
	w.T.Helper()
	for _, e := range w.storm.Programs {
		harness.Must(w.T, e.Close())
	}
}

// publishAll publishes, and wants the container to hold what the mount shows and nothing else.
func (w *adoptedWalk) publishAll() {
	w.T.Helper()
	w.closeAll()
	harness.Clfsload(w.T, "publish", "--include-incomplete", w.Point).MustExit(harness.ExitOK)
	tree := trees.List(w.T, w.Point)
	w.mirror.mustBeLike(tree, "program-")
	trees.MustHold(w.T, tree, w.Blobs(), trees.AsMounted)
	harness.Clfsload(w.T, "verify", w.Target).MustExit(harness.ExitOK)
	if w.T.Failed() {
		w.T.FailNow()
	}
}

// nextMount unmounts, and mounts with the same STATE or another one.
func (w *adoptedWalk) nextMount() {
	w.T.Helper()
	w.leave()
	if w.rounds++; w.rounds%2 == 0 {
		w.Again(mounted.BusyFlags...)
		return
	}
	w.AdoptAnew(mounted.BusyFlags...)
	w.lookAround()
}

// leave ends the mount of what is published.
func (w *adoptedWalk) leave() {
	w.T.Helper()
	if w.random.IntN(4) == 0 { // what is published needs no unmount
		w.Killed()
		harness.Must(w.T, unix.Unmount(w.Point, unix.MNT_DETACH))
	} else {
		w.Unmounted()
	}
}

// lookAround looks at everything before it is changed, half of the time.
func (w *adoptedWalk) lookAround() {
	w.T.Helper()
	for _, e := range w.storm.Programs {
		if w.random.IntN(2) == 0 {
			harness.Must(w.T, e.Check())
		}
	}
}

// walk makes rounds.
func (w *adoptedWalk) walk(rounds int) {
	w.T.Helper()
	for n := range rounds {
		w.round()
		if w.T.Failed() {
			w.T.Fatalf("in round %d", n)
		}
	}
	w.Unmounted()
	w.T.Logf("%d steps in storms, %d changes to what was there", w.storm.Steps.Load(), len(w.mirror.log))
}

// linkedTree is a small tree of directories that share files, with holes in some.
func linkedTree(t *testing.T, random *rand.Rand) string {
	t.Helper()
	source := trees.SyncedTree(t, random)
	harness.Must(t, os.Truncate(filepath.Join(source, "large"), 9<<20))
	harness.Must(t, os.Mkdir(filepath.Join(source, "again"), 0o755))
	harness.RunTool(t, "cp", "-al", filepath.Join(source, "a-0"), filepath.Join(source, "again", "first"))
	harness.RunTool(t, "cp", "-al", filepath.Join(source, "a-0"), filepath.Join(source, "again", "second"))
	harness.WriteFile(t, filepath.Join(source, "sparse"), "at the start")
	harness.Must(t, os.Truncate(filepath.Join(source, "sparse"), 25<<20+5))
	harness.Must(t, os.Link(filepath.Join(source, "sparse"), filepath.Join(source, "again", "sparse")))
	return source
}

// onDisk is a mount with another STATE of a container, both on a disk whose power can be cut.
func onDisk(t *testing.T, target string) (*mounted.Intake, *harness.Disk) {
	t.Helper()
	d := harness.NewDisk(t, 160<<20)
	i := &mounted.Intake{T: t, State: filepath.Join(d.Mount, "state"), Target: "dir:" + filepath.Join(d.Mount, "container")}
	harness.CopyTree(t, target[len("dir:"):], i.Container())
	unix.Sync()
	i.Mount = mounted.With(t, mounted.Point(t), i.Flags(mounted.BusyFlags))
	return i, d
}

// rounds is how many there are of n in a test over an adopted container; of all tests together 300
// with the tag large.
func rounds(n int) int { return trees.Often(n) * harness.Scaled(1, 30) }

func TestRandomRoundsOverAContainerOfALoad(t *testing.T) {
	i, d := onDisk(t, harness.Loaded(t, linkedTree(t, trees.SeededRandom(t))))
	newAdoptedWalk(t, i, d).walk(rounds(4))
}

func TestRandomRoundsOverAContainerOfCLFSLoad(t *testing.T) {
	i, d := onDisk(t, trees.GoldenContainer(t, "lz4"))
	harness.Must(t, os.Remove(i.Path("links/utf8-target"))) // whose size is wrong
	newAdoptedWalk(t, i, d).walk(rounds(2))
}

func TestRandomRoundsOverAContainerOfAMount(t *testing.T) {
	own := mounted.NewIntake(t, mounted.Quickly...)
	own.RsyncInto(linkedTree(t, trees.SeededRandom(t)))
	own.Unmounted()
	i, d := onDisk(t, own.Target)
	newAdoptedWalk(t, i, d).walk(rounds(4))
}
