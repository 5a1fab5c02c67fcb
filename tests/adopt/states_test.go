package adopt

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// relativeNumbers are the inode numbers of a mount by path.
func relativeNumbers(t *testing.T, point string) map[string]uint64 {
	t.Helper()
	numbers := map[string]uint64{}
	for path, number := range trees.NumbersOf(t, point) {
		numbers[strings.TrimPrefix(path, point)] = number
	}
	return numbers
}

// One STATE after another may change the container. Those before are refused then, and the
// numbers of inodes are the same in all.
func TestOneStateAfterAnotherAdoptsAContainer(t *testing.T) {
	i := mounted.NewIntakeInto(t, harness.Loaded(t, trees.GoRoot(t)+"/src/net/http"), mounted.Quickly...)
	states, before := []string{}, relativeNumbers(t, i.Point)
	for n := range 3 {
		name := fmt.Sprint("file of STATE ", n)
		harness.WriteFile(t, i.Path(name), name)
		harness.WriteFile(t, i.Path("cookiejar/"+name), name)
		now := relativeNumbers(t, i.Point)
		for path, number := range before {
			if now[path] != number {
				t.Errorf("%s has number %d, had %d", path, now[path], number)
			}
		}
		mustBeUnique(t, now)
		before = now
		i.Unmounted()
		trees.ReadContainer(t, i.Blobs())
		harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK)
		states = append(states, i.State)
		i.State += "+"
		i.Again(mounted.Quickly...)
	}
	if got := relativeNumbers(t, i.Point); !maps.Equal(got, before) {
		t.Errorf("numbers are %v, were %v", got, before)
	}
	i.Unmounted()
	for _, state := range states {
		harness.MustRefuseState(t, i.Container(), "mount", "--state", state, "--target", i.Target, i.Point)
	}
}

// mustBeUnique wants no two inodes of one number; there are no hard links.
func mustBeUnique(t *testing.T, numbers map[string]uint64) {
	t.Helper()
	paths := map[uint64]string{}
	for path, number := range numbers {
		if other, taken := paths[number]; taken {
			t.Errorf("%s and %s have number %d", path, other, number)
		}
		paths[number] = path
	}
}

// A STATE that was lost before it had published anything leaves the container as it was for
// the next one, but for what it has uploaded.
func TestAnAdoptionThatIsLostBeforeItPublishesLeavesTheTreeAsItWas(t *testing.T) {
	source := filepath.Join(trees.GoRoot(t), "src", "net", "http")
	i := mounted.NewIntakeInto(t, harness.Loaded(t, source), mounted.Quickly...)
	want := trees.List(t, i.Point)
	harness.WriteFile(t, i.Path("new"), "new")
	harness.WriteFile(t, i.Path("server.go"), "another")
	i.Flush()
	i.Killed()
	harness.Must(t, unix.Unmount(i.Point, unix.MNT_DETACH))
	i.AdoptAnew(mounted.Quickly...)
	trees.ReportLines(t, "the tree differs", inventory.Compare(want, trees.List(t, i.Point), trees.AsMounted))
	i.AwaitLog("left open by another STATE")
	harness.WriteFile(t, i.Path("more"), "more")
	i.Unmounted()
	i.MustHave("more", "more")
	i.Again()
	i.EndsWell(unix.SIGTERM)
}

// A mount that is killed right after it was made has left nothing that keeps the next one from
// adopting the container.
func TestAnAdoptionThatIsKilledAtOnceIsFollowedByAnother(t *testing.T) {
	i := mounted.NewIntakeInto(t, trees.GoldenContainer(t, "lz4"), mounted.Quickly...)
	for range 3 {
		i.Killed()
		harness.Must(t, unix.Unmount(i.Point, unix.MNT_DETACH))
		i.AdoptAnew(mounted.Quickly...)
	}
	harness.WriteFile(t, i.Path("more"), "more")
	i.Unmounted()
	soundButFor(t, i.Blobs(), knownOfGolden)
}
