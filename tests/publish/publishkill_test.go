package publish

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

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
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
		harness.MustMkdir(t, filepath.Join(root, fmt.Sprint("d", d)))
		v.below = append(v.below, fmt.Sprintf("d%d/below", d))
		harness.MustMkdir(t, filepath.Join(root, v.below[d]))
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
	harness.WriteFile(v.t, filepath.Join(v.root, v.files[number]), trees.Body(number, v.text[number]))
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
			harness.Must(v.t, os.Rename(filepath.Join(v.root, path), filepath.Join(v.root, to)))
			v.files[number] = to
		case 5:
			harness.Must(v.t, os.Remove(filepath.Join(v.root, path)))
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
	harness.Must(v.t, unix.Renameat2(unix.AT_FDCWD, filepath.Join(v.root, one), unix.AT_FDCWD, filepath.Join(v.root, other), unix.RENAME_EXCHANGE))
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
			t.Errorf("%s is no file of ours: %q, %v", path, harness.Clip(text), err)
			continue
		}
		seen[number] = true
		if text != trees.Body(number, version) || version != old.text[number] && version != now.text[number] {
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
	rounds := trees.Often(5)
	random := trees.SeededRandom(t)
	c := remote.NewLethal(t)
	i := mounted.NewIntakeInto(t, c.URL, "--settle", "0s")
	v := newVersioned(t, i.Point, 60, random)
	i.Publish()
	steps := 60
	var moments []int
	for round := range rounds {
		old := v.snapshot()
		v.change(round)
		i.Flush()
		now := v.snapshot()
		for range cuts {
			n := 1 + random.IntN(steps)
			c.At(n, random.IntN(2) == 0, i.Kill)
			res := harness.Command(t, []string{"publish", i.Point}).Start().Wait()
			if res.Code == harness.ExitOK {
				c.At(0, false, nil)
				break // it was over before
			}
			moments = append(moments, n)
			i.Await().MustExit(-1)
			c.Bury()
			either(t, trees.Exported(t, c.Inventory()), old, now)
			i.Again("--settle", "0s")
		}
		i.Publish()
		either(t, trees.Exported(t, c.Inventory()), now, now)
		if t.Failed() {
			t.FailNow()
		}
	}
	slices.Sort(moments)
	t.Logf("publications were killed at their requests %d", moments)
	if len(moments) < rounds {
		t.Errorf("only %d kills hit a publication", len(moments))
	}
	tree := trees.List(t, i.Point)
	harness.Clfsload(t, "unmount", i.Point).MustExit(harness.ExitOK)
	i.Await().MustExit(harness.ExitOK)
	trees.MustHold(t, tree, trees.Lived(c.Inventory()), trees.AsMounted)
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK)
}

// Uploads and publications that meet changes all the time, and are killed at any of
// their requests, keep what was acknowledged and what was published, too.
func TestAMountThatIsKilledAtAnyRequestInAStormLosesNothing(t *testing.T) {
	const most = 4000 // steps, if there are fewer requests
	random := trees.SeededRandom(t)
	c := remote.NewLethal(t)
	i := mounted.NewIntakeInto(t, c.URL, mounted.BusyFlags...)
	s := mounted.NewStorm(t, i, 3, random)
	var met atomic.Int64
	for round := range trees.Kills {
		if round%5 == 4 {
			harness.Command(t, []string{"publish", i.Point}).Start().Wait() // what there is
		}
		c.At(1+random.IntN(150), random.IntN(2) == 0, func() { met.Add(1); i.Kill() })
		publication := harness.Command(t, []string{"publish", i.Point}).Start()
		s.Blow(t, most, i.Kill)
		c.Bury()
		publication.Wait()
		s.GoOn(t, i, c.Inventory)
	}
	for _, e := range s.Programs {
		harness.Must(t, e.Close())
	}
	t.Logf("%d steps; %d kills met a request; %d entries were published at the last", s.Steps.Load(), met.Load(), s.Published)
	harness.Clfsload(t, "publish", "--include-incomplete", i.Point).MustExit(harness.ExitOK)
	i.EndsPublishedTo(c.Metered)
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK)
}
