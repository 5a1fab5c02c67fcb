package adopt

import (
	"fmt"
	"maps"
	"os"
	"testing"
	"time"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// takesAtMost fails a test if something takes longer, unless others take the time.
func takesAtMost(t *testing.T, what string, limit time.Duration, do func()) {
	t.Helper()
	began := time.Now()
	do()
	took := time.Since(began)
	t.Logf("%s: %v", what, took)
	if took > limit && !harness.RaceEnabled {
		t.Errorf("%s took %v, more than %v", what, took, limit)
	}
}

// isShownAtOnce mounts a large container and adds a file.
func isShownAtOnce(t *testing.T, directories, files int) {
	t.Helper()
	harness.Clfsload(t, "--version").MustExit(harness.ExitOK) // builds it
	c := remote.WideContainer(t, directories, files, 10*time.Millisecond)
	var i *mounted.Intake
	counts := c.Requests(func() {
		takesAtMost(t, "mount and ls /", 2*time.Second, func() {
			i = mounted.NewIntakeInto(t, c.URL, mounted.Quickly...)
			if names := namesIn(t, i.Point); len(names) != directories {
				t.Errorf("the root has %d entries", len(names))
			}
		})
	})
	if sum := counts["List"] + counts["Get"] + counts["Put"] + counts["Lease"]; sum > 30 {
		t.Errorf("mount and ls / took %v requests", counts)
	}
	before := c.Blobs("container")
	takesAtMost(t, "add a file and publish", 5*time.Second, func() {
		harness.WriteFile(t, i.Path("directory-000007/new"), "new")
		i.Publish()
	})
	changes := trees.ChangesOf(before, c.Blobs("container"))
	segments := ofTypes(t, changes.Added)[clfs.TypeSegment]
	mustChange(t, changes, without0(types{clfs.TypeRegular: 1, clfs.TypeDirectory: 1, clfs.TypeSegment: segments}),
		without0(types{clfs.TypeDirectory: 1, clfs.TypeSegment: segments}))
	if n := len(changes.Added) + len(changes.Rewritten); n > 4 {
		t.Errorf("%d blobs were written", n)
	}
	counts = c.Requests(func() {
		takesAtMost(t, "ls -l of a directory", 5*time.Second, func() {
			if tree := trees.NumbersOf(t, i.Path("directory-000009")); len(tree) != files+1 {
				t.Errorf("the directory has %d entries", len(tree))
			}
		})
	})
	const ahead = 512 // inodes of other directories, at most
	if counts["Get"] > files+ahead || counts["List"] > files+ahead {
		t.Errorf("to look at %d files took %v requests", files, counts)
	}
	i.Unmounted()
	c.MustNotListAll(t)
}

// without0 leaves out types of which there are none.
func without0(count types) types {
	maps.DeleteFunc(count, func(_ clfs.Type, n int) bool { return n == 0 })
	return count
}

func TestALargeContainerIsAdoptedAtOnce(t *testing.T) { isShownAtOnce(t, 1000, 5) }

// Who looks at one file in each of many directories reads no more than that.
func TestOnlyWhatIsLookedAtIsRead(t *testing.T) {
	c := remote.WideContainer(t, 20, 100, 0)
	i := mounted.NewIntakeInto(t, c.URL, mounted.Quickly...)
	counts := c.Requests(func() {
		for d := range 20 {
			_, err := os.Stat(i.Path(fmt.Sprintf("directory-%06d/file-000050", d)))
			harness.Must(t, err)
		}
	})
	if counts["Get"] > 20*4 || counts["List"] > 20*4 {
		t.Errorf("to look at 20 files in 20 directories took %v requests", counts)
	}
	i.Unmounted()
	c.MustNotListAll(t)
}
