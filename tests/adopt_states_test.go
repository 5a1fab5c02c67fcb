package tests

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/inventory"
)

// relativeNumbers are the inode numbers of a mount by path.
func relativeNumbers(t *testing.T, point string) map[string]uint64 {
	t.Helper()
	numbers := map[string]uint64{}
	for path, number := range numbersOf(t, point) {
		numbers[strings.TrimPrefix(path, point)] = number
	}
	return numbers
}

// One STATE after another may change the container. Those before are refused then, and the
// numbers of inodes are the same in all.
func TestOneStateAfterAnotherAdoptsAContainer(t *testing.T) {
	i := newIntakeInto(t, loaded(t, goroot(t)+"/src/net/http"), quickly...)
	states, before := []string{}, relativeNumbers(t, i.point)
	for n := range 3 {
		name := fmt.Sprint("file of STATE ", n)
		writeFile(t, i.path(name), name)
		writeFile(t, i.path("cookiejar/"+name), name)
		now := relativeNumbers(t, i.point)
		for path, number := range before {
			if now[path] != number {
				t.Errorf("%s has number %d, had %d", path, now[path], number)
			}
		}
		mustBeUnique(t, now)
		before = now
		i.unmounted()
		readContainer(t, i.blobs())
		clfsload(t, "verify", i.target).mustExit(exitOK)
		states = append(states, i.state)
		i.state += "+"
		i.again(quickly...)
	}
	if got := relativeNumbers(t, i.point); !maps.Equal(got, before) {
		t.Errorf("numbers are %v, were %v", got, before)
	}
	i.unmounted()
	for _, state := range states {
		mustRefuseState(t, i.container(), "mount", "--state", state, "--target", i.target, i.point)
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
	source := filepath.Join(goroot(t), "src", "net", "http")
	i := newIntakeInto(t, loaded(t, source), quickly...)
	want := listTree(t, i.point)
	writeFile(t, i.path("new"), "new")
	writeFile(t, i.path("server.go"), "another")
	i.flush()
	i.killed()
	must(t, unix.Unmount(i.point, unix.MNT_DETACH))
	i.adoptAnew(quickly...)
	reportLines(t, "the tree differs", inventory.Compare(want, listTree(t, i.point), asMounted))
	i.awaitLog("left open by another STATE")
	writeFile(t, i.path("more"), "more")
	i.unmounted()
	i.mustHave("more", "more")
	i.again()
	i.endsWell(unix.SIGTERM)
}

// A mount that is killed right after it was made has left nothing that keeps the next one from
// adopting the container.
func TestAnAdoptionThatIsKilledAtOnceIsFollowedByAnother(t *testing.T) {
	i := newIntakeInto(t, goldenContainer(t, "lz4"), quickly...)
	for range 3 {
		i.killed()
		must(t, unix.Unmount(i.point, unix.MNT_DETACH))
		i.adoptAnew(quickly...)
	}
	writeFile(t, i.path("more"), "more")
	i.unmounted()
	soundButFor(t, i.blobs(), knownOfGolden)
}
