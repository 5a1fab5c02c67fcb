package tests

import (
	"path/filepath"
	"testing"
)

// followsByRsync loads a tree, changes a copy of it, and brings the changes into the container
// with a STATE that knows nothing of the load.
func followsByRsync(t *testing.T, source string, changes int) {
	t.Helper()
	i := newIntakeInto(t, loaded(t, source), quickly...)
	m := &mirror{t: t, random: seededRandom(t), copied: filepath.Join(t.TempDir(), "copy"), now: 1_600_000_000}
	runTool(t, "rsync", "-aH", exactTimes, source+"/", m.copied+"/")
	i.nothingToDo(source)
	for range 3 {
		m.edit(changes)
		runTool(t, "rsync", "-aH", "--delete", exactTimes, m.copied+"/", i.point+"/")
		i.nothingToDo(m.copied)
		i.unmounted()
		readContainer(t, i.blobs())
		clfsload(t, "verify", "--source", m.copied, i.target).mustExit(exitOK).mustSay("sound")
		i.adoptAnew(quickly...)
	}
}

func TestRsyncBringsChangesIntoTheContainerOfALoadWhoseStateIsLost(t *testing.T) {
	followsByRsync(t, filepath.Join(goroot(t), "src", "net"), 40)
}
