package rounds

import (
	"path/filepath"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// followsByRsync loads a tree, changes a copy of it, and brings the changes into the container
// with a STATE that knows nothing of the load.
func followsByRsync(t *testing.T, source string, changes int) {
	t.Helper()
	i := mounted.NewIntakeInto(t, harness.Loaded(t, source), mounted.Quickly...)
	m := &mirror{t: t, random: trees.SeededRandom(t), copied: filepath.Join(t.TempDir(), "copy"), now: 1_600_000_000}
	harness.RunTool(t, "rsync", "-aH", harness.ExactTimes, source+"/", m.copied+"/")
	i.NothingToDo(source)
	for range 3 {
		m.edit(changes)
		harness.RunTool(t, "rsync", "-aH", "--delete", harness.ExactTimes, m.copied+"/", i.Point+"/")
		i.NothingToDo(m.copied)
		i.Unmounted()
		trees.ReadContainer(t, i.Blobs())
		harness.Clfsload(t, "verify", "--source", m.copied, i.Target).MustExit(harness.ExitOK).MustSay("sound")
		i.AdoptAnew(mounted.Quickly...)
	}
}

func TestRsyncBringsChangesIntoTheContainerOfALoadWhoseStateIsLost(t *testing.T) {
	followsByRsync(t, filepath.Join(trees.GoRoot(t), "src", "net"), 40)
}
