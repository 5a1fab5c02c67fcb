package tests

import (
	"fmt"
	"maps"
	"os"
	"testing"
	"time"

	"clfsload/clfs"
)

// takesAtMost fails a test if something takes longer, unless others take the time.
func takesAtMost(t *testing.T, what string, limit time.Duration, do func()) {
	t.Helper()
	began := time.Now()
	do()
	took := time.Since(began)
	t.Logf("%s: %v", what, took)
	if took > limit && !raceEnabled {
		t.Errorf("%s took %v, more than %v", what, took, limit)
	}
}

// isShownAtOnce mounts a large container and adds a file.
func isShownAtOnce(t *testing.T, directories, files int) {
	t.Helper()
	clfsload(t, "--version").mustExit(exitOK) // builds it
	c := wideContainer(t, directories, files, 10*time.Millisecond)
	var i *intake
	counts := c.requests(func() {
		takesAtMost(t, "mount and ls /", 2*time.Second, func() {
			i = newIntakeInto(t, c.url, quickly...)
			if names := namesIn(t, i.point); len(names) != directories {
				t.Errorf("the root has %d entries", len(names))
			}
		})
	})
	if sum := counts["List"] + counts["Get"] + counts["Put"] + counts["Lease"]; sum > 30 {
		t.Errorf("mount and ls / took %v requests", counts)
	}
	before := c.Blobs("container")
	takesAtMost(t, "add a file and publish", 5*time.Second, func() {
		writeFile(t, i.path("directory-000007/new"), "new")
		i.publish()
	})
	changes := changesOf(before, c.Blobs("container"))
	segments := ofTypes(t, changes.added)[clfs.TypeSegment]
	mustChange(t, changes, without0(types{clfs.TypeRegular: 1, clfs.TypeDirectory: 1, clfs.TypeSegment: segments}),
		without0(types{clfs.TypeDirectory: 1, clfs.TypeSegment: segments}))
	if n := len(changes.added) + len(changes.rewritten); n > 4 {
		t.Errorf("%d blobs were written", n)
	}
	counts = c.requests(func() {
		takesAtMost(t, "ls -l of a directory", 5*time.Second, func() {
			if tree := numbersOf(t, i.path("directory-000009")); len(tree) != files+1 {
				t.Errorf("the directory has %d entries", len(tree))
			}
		})
	})
	const ahead = 512 // inodes of other directories, at most
	if counts["Get"] > files+ahead || counts["List"] > files+ahead {
		t.Errorf("to look at %d files took %v requests", files, counts)
	}
	i.unmounted()
	c.mustNotListAll(t)
}

// without0 leaves out types of which there are none.
func without0(count types) types {
	maps.DeleteFunc(count, func(_ clfs.Type, n int) bool { return n == 0 })
	return count
}

func TestALargeContainerIsAdoptedAtOnce(t *testing.T) { isShownAtOnce(t, 1000, 5) }

// Who looks at one file in each of many directories reads no more than that.
func TestOnlyWhatIsLookedAtIsRead(t *testing.T) {
	c := wideContainer(t, 20, 100, 0)
	i := newIntakeInto(t, c.url, quickly...)
	counts := c.requests(func() {
		for d := range 20 {
			_, err := os.Stat(i.path(fmt.Sprintf("directory-%06d/file-000050", d)))
			must(t, err)
		}
	})
	if counts["Get"] > 20*4 || counts["List"] > 20*4 {
		t.Errorf("to look at 20 files in 20 directories took %v requests", counts)
	}
	i.unmounted()
	c.mustNotListAll(t)
}
