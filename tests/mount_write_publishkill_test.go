package tests

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// versioned is a tree in which each file tells who it is and in which version, and is
// made of nothing else: a mixture of two versions is none of them.
type versioned struct {
	t      *testing.T
	root   string
	random *rand.Rand
	files  map[int]string // path below root, by the file's number
	text   map[int]int    // version, likewise
	next   int
	below  []string // the directories in the directories
}

func newVersioned(t *testing.T, root string, files int, random *rand.Rand) *versioned {
	t.Helper()
	v := &versioned{t: t, root: root, random: random, files: map[int]string{}, text: map[int]int{}}
	for d := range 6 {
		mustMkdir(t, filepath.Join(root, fmt.Sprint("d", d)))
		v.below = append(v.below, fmt.Sprintf("d%d/below", d))
		mustMkdir(t, filepath.Join(root, v.below[d]))
	}
	for range files {
		v.add()
	}
	return v
}

func (v *versioned) somewhere(number, version int) string {
	directory := fmt.Sprint("d", v.random.IntN(6))
	if v.random.IntN(2) == 0 {
		directory = v.below[v.random.IntN(6)]
	}
	return fmt.Sprintf("%s/file-%d-%d", directory, number, version)
}

func (v *versioned) add() {
	number := v.next
	v.next++
	v.files[number], v.text[number] = v.somewhere(number, 1), 1
	v.write(number)
}

func (v *versioned) write(number int) {
	v.t.Helper()
	writeFile(v.t, filepath.Join(v.root, v.files[number]), body(number, v.text[number]))
}

// change writes a third of the files again, moves another and a directory, removes some
// and makes new ones.
func (v *versioned) change(round int) {
	v.t.Helper()
	for number := range v.next {
		path, found := v.files[number]
		if !found {
			continue
		}
		switch v.random.IntN(8) {
		case 0, 1, 2:
			v.text[number]++
			v.write(number)
		case 3, 4:
			to := v.somewhere(number, round+2)
			must(v.t, os.Rename(filepath.Join(v.root, path), filepath.Join(v.root, to)))
			v.files[number] = to
		case 5:
			must(v.t, os.Remove(filepath.Join(v.root, path)))
			delete(v.files, number)
		}
	}
	for range 5 {
		v.add()
	}
	v.exchange()
}

// exchange lets two directories of one name change places, with all that is in them.
func (v *versioned) exchange() {
	v.t.Helper()
	one, other := v.below[v.random.IntN(3)], v.below[3+v.random.IntN(3)]
	must(v.t, unix.Renameat2(unix.AT_FDCWD, filepath.Join(v.root, one), unix.AT_FDCWD, filepath.Join(v.root, other), unix.RENAME_EXCHANGE))
	for number, path := range v.files {
		if rest, found := strings.CutPrefix(path, one+"/"); found {
			v.files[number] = other + "/" + rest
		} else if rest, found := strings.CutPrefix(path, other+"/"); found {
			v.files[number] = one + "/" + rest
		}
	}
}

// snapshot is which file of which version is where.
type snapshot struct {
	files map[int]string
	text  map[int]int
}

func (v *versioned) snapshot() snapshot {
	s := snapshot{map[int]string{}, map[int]int{}}
	for number, path := range v.files {
		s.files[number], s.text[number] = path, v.text[number]
	}
	return s
}

// either wants each file that is in both snapshots to be there, whole, in the old or the
// new version, and nothing to be there that is in none.
func either(t *testing.T, found map[string]string, old, now snapshot) {
	t.Helper()
	seen := map[int]bool{}
	for path, text := range found {
		var number, version int
		if _, err := fmt.Sscanf(text, "this is file %d in version %d", &number, &version); err != nil {
			t.Errorf("%s is no file of ours: %q, %v", path, clip(text), err)
			continue
		}
		seen[number] = true
		if text != body(number, version) || version != old.text[number] && version != now.text[number] {
			t.Errorf("%s: %d bytes of version %d, neither %d nor %d", path, len(text), version, old.text[number], now.text[number])
		}
		name := filepath.Base(path)
		if name != filepath.Base(old.files[number]) && name != filepath.Base(now.files[number]) {
			t.Errorf("file %d is at %s, neither %s nor %s", number, path, old.files[number], now.files[number])
		}
	}
	for number, path := range old.files {
		if _, kept := now.files[number]; kept && !seen[number] {
			t.Errorf("file %d, which was %s and is %s, is out of reach", number, path, now.files[number])
		}
	}
}

// A publication that a kill cuts off leaves every file readable, old or new, and the
// next one goes on to a container without a trace of that.
func TestAPublicationThatIsKilledAtAnyRequestGoesOn(t *testing.T) {
	const cuts = 3
	rounds := often(5)
	random := seededRandom(t)
	c := newLethalContainer(t)
	i := newIntakeInto(t, c.url, "--settle", "0s")
	v := newVersioned(t, i.point, 60, random)
	i.publish()
	steps := 60
	var moments []int
	for round := range rounds {
		old := v.snapshot()
		v.change(round)
		i.flush()
		now := v.snapshot()
		for range cuts {
			n := 1 + random.IntN(steps)
			c.at(n, random.IntN(2) == 0, i.kill)
			res := command(t, []string{"publish", i.point}).start().wait()
			if res.code == exitOK {
				c.at(0, false, nil)
				break // it was over before
			}
			moments = append(moments, n)
			i.await().mustExit(-1)
			c.bury()
			either(t, exported(t, c.inventory()), old, now)
			i.again("--settle", "0s")
		}
		i.publish()
		either(t, exported(t, c.inventory()), now, now)
		if t.Failed() {
			t.FailNow()
		}
	}
	slices.Sort(moments)
	t.Logf("publications were killed at their requests %d", moments)
	if len(moments) < rounds {
		t.Errorf("only %d kills hit a publication", len(moments))
	}
	tree := listTree(t, i.point)
	clfsload(t, "unmount", i.point).mustExit(exitOK)
	i.await().mustExit(exitOK)
	mustHold(t, tree, lived(c.inventory()), asMounted)
	clfsload(t, "verify", i.target).mustExit(exitOK)
}

// Uploads and publications that meet changes all the time, and are killed at any of
// their requests, keep what was acknowledged and what was published, too.
func TestAMountThatIsKilledAtAnyRequestInAStormLosesNothing(t *testing.T) {
	const most = 4000 // steps, if there are fewer requests
	random := seededRandom(t)
	c := newLethalContainer(t)
	i := newIntakeInto(t, c.url, busyFlags...)
	s := newStorm(t, i, 3, random)
	var met atomic.Int64
	for round := range kills {
		if round%5 == 4 {
			command(t, []string{"publish", i.point}).start().wait() // what there is
		}
		c.at(1+random.IntN(150), random.IntN(2) == 0, func() { met.Add(1); i.kill() })
		publication := command(t, []string{"publish", i.point}).start()
		s.blow(t, most, i.kill)
		c.bury()
		publication.wait()
		s.goOn(t, i, c.inventory)
	}
	for _, e := range s.programs {
		must(t, e.Close())
	}
	t.Logf("%d steps; %d kills met a request; %d entries were published at the last", s.steps.Load(), met.Load(), s.published)
	clfsload(t, "publish", "--include-incomplete", i.point).mustExit(exitOK)
	i.endsPublishedTo(c.meteredContainer)
	clfsload(t, "verify", i.target).mustExit(exitOK)
}
