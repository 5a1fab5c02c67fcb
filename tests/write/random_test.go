package write

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"clfsload/tests/exerciser"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// exerciseFor is how long the random tests go on: EXERCISE, or a little while.
func exerciseFor(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("EXERCISE")
	if text == "" {
		return 12 * time.Second
	}
	d, err := time.ParseDuration(text)
	harness.Must(t, err)
	return d
}

// exercised makes an Exerciser in a directory of the mount.
func exercised(i *mounted.Intake, name string) *exerciser.Exerciser {
	i.T.Helper()
	e, err := exerciser.New(i.Directory(name), exerciser.Options{Seed: rand.Uint64(), Large: 24 << 20})
	harness.Must(i.T, err)
	i.T.Cleanup(func() { _ = e.Close() })
	return e
}

// An hour of anything, in short: the mount does what Linux's own file systems do,
// while what it holds is uploaded, published, evicted and read back, and after each
// remount everything is as it was.
func TestRandomCallsDoAsOnAnyFileSystemAcrossEvictionAndRemounts(t *testing.T) {
	i := mounted.NewIntake(t, mounted.SmallStaging...)
	e := exercised(i, "work")
	end := time.Now().Add(exerciseFor(t))
	for round := 0; round == 0 || time.Now().Before(end); round++ {
		harness.Must(t, e.Run(300))
		harness.Clfsload(t, "flush", i.Point)
		harness.Must(t, e.Run(300))
		harness.Clfsload(t, "publish", i.Point)
		harness.Must(t, errors.Join(e.Run(300), e.Close()))
		i.Flush()
		harness.Must(t, e.Check())
		if round%2 == 0 {
			i.Publish()
			// What was removed while it was open goes after its last close, whenever
			// that is: with a later publication.
			tree := trees.Readable(t, i.Blobs())
			trees.ReportLines(t, "the container differs from the mount", inventory.Compare(trees.List(t, i.Point), tree, trees.AsMounted))
		}
		i.Remount(mounted.SmallStaging...)
		harness.Must(t, e.Check())
	}
	t.Logf("%d steps", e.Steps())
	i.EndsPublished()
}

// fio writes at random and verifies what it reads; the second time it only verifies.
func fio(t *testing.T, directory string, more ...string) {
	t.Helper()
	arguments := []string{
		"--name=job", "--directory=" + directory, "--size=16M", "--numjobs=3", "--rw=randwrite", "--bsrange=4k-128k", "--bs_unaligned",
		"--verify=crc32c", "--verify_state_save=0", "--verify_fatal=1", "--do_verify=1", "--randseed=1", "--group_reporting", "--minimal",
	}
	harness.RunTool(t, "fio", append(arguments, more...)...)
}

func TestFioVerifiesRandomWritesAcrossEviction(t *testing.T) {
	i := mounted.NewIntake(t, mounted.SmallStaging...)
	for _, engine := range []string{"psync", "mmap"} {
		d := i.Directory(engine)
		fio(t, d, "--ioengine="+engine, "--fsync=200")
		i.Flush()
		fio(t, d, "--ioengine=psync", "--verify_only")
	}
	i.Publish()
	i.MustBePublished()
	i.Remount(mounted.SmallStaging...)
	for _, engine := range []string{"psync", "mmap"} {
		fio(t, i.Path(engine), "--ioengine=psync", "--verify_only")
	}
	if used := diskUse(t, filepath.Join(i.State, "staging")); used > 64<<20 {
		t.Errorf("staging takes %d bytes", used)
	}
}

// What does not fit waits until something was evicted, and is all there at the end.
func TestMoreThanStagingHoldsGoesThrough(t *testing.T) {
	i := mounted.NewIntake(t, mounted.SmallStaging...)
	random := trees.SeededRandom(t)
	source := t.TempDir()
	for n := range 6 {
		trees.WriteNoise(t, filepath.Join(source, fmt.Sprint("file-", n)), 20<<20+random.IntN(1<<20), random)
	}
	i.RsyncInto(source)
	becomesContainer(i, source)
}
