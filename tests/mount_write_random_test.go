package tests

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"clfsload/tests/exerciser"
	"clfsload/tests/inventory"
)

// exerciseFor is how long the random tests go on: EXERCISE, or a little while.
func exerciseFor(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("EXERCISE")
	if text == "" {
		return 12 * time.Second
	}
	d, err := time.ParseDuration(text)
	must(t, err)
	return d
}

// exercised makes an Exerciser in a directory of the mount.
func exercised(i *intake, name string) *exerciser.Exerciser {
	i.t.Helper()
	e, err := exerciser.New(i.directory(name), exerciser.Options{Seed: rand.Uint64(), Large: 24 << 20})
	must(i.t, err)
	i.t.Cleanup(func() { _ = e.Close() })
	return e
}

// An hour of anything, in short: the mount does what Linux's own file systems do,
// while what it holds is uploaded, published, evicted and read back, and after each
// remount everything is as it was.
func TestRandomCallsDoAsOnAnyFileSystemAcrossEvictionAndRemounts(t *testing.T) {
	i := newIntake(t, smallStaging...)
	e := exercised(i, "work")
	end := time.Now().Add(exerciseFor(t))
	for round := 0; round == 0 || time.Now().Before(end); round++ {
		must(t, e.Run(300))
		clfsload(t, "flush", i.point)
		must(t, e.Run(300))
		clfsload(t, "publish", i.point)
		must(t, errors.Join(e.Run(300), e.Close()))
		i.flush()
		must(t, e.Check())
		if round%2 == 0 {
			i.publish()
			// What was removed while it was open goes after its last close, whenever
			// that is: with a later publication.
			tree := readable(t, i.blobs())
			reportLines(t, "the container differs from the mount", inventory.Compare(listTree(t, i.point), tree, asMounted))
		}
		i.remount(smallStaging...)
		must(t, e.Check())
	}
	t.Logf("%d steps", e.Steps())
	i.endsPublished()
}

// fio writes at random and verifies what it reads; the second time it only verifies.
func fio(t *testing.T, directory string, more ...string) {
	t.Helper()
	arguments := []string{
		"--name=job", "--directory=" + directory, "--size=16M", "--numjobs=3", "--rw=randwrite", "--bsrange=4k-128k", "--bs_unaligned",
		"--verify=crc32c", "--verify_state_save=0", "--verify_fatal=1", "--do_verify=1", "--randseed=1", "--group_reporting", "--minimal",
	}
	runTool(t, "fio", append(arguments, more...)...)
}

func TestFioVerifiesRandomWritesAcrossEviction(t *testing.T) {
	i := newIntake(t, smallStaging...)
	for _, engine := range []string{"psync", "mmap"} {
		d := i.directory(engine)
		fio(t, d, "--ioengine="+engine, "--fsync=200")
		i.flush()
		fio(t, d, "--ioengine=psync", "--verify_only")
	}
	i.publish()
	i.mustBePublished()
	i.remount(smallStaging...)
	for _, engine := range []string{"psync", "mmap"} {
		fio(t, i.path(engine), "--ioengine=psync", "--verify_only")
	}
	if used := diskUse(t, filepath.Join(i.state, "staging")); used > 64<<20 {
		t.Errorf("staging takes %d bytes", used)
	}
}

// What does not fit waits until something was evicted, and is all there at the end.
func TestMoreThanStagingHoldsGoesThrough(t *testing.T) {
	i := newIntake(t, smallStaging...)
	random := seededRandom(t)
	source := t.TempDir()
	for n := range 6 {
		writeNoise(t, filepath.Join(source, fmt.Sprint("file-", n)), 20<<20+random.IntN(1<<20), random)
	}
	i.rsyncInto(source)
	becomesContainer(i, source)
}
