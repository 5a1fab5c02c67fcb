package readonly

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
)

// readSpeed is how fast a file is read in order, in bytes a second.
type readSpeed struct {
	cold, bare   float64 // through a mount with an empty cache, and by a loop that gets the same blobs
	cached, disk float64 // through a mount from its cache, and of the files of the cache
	inFlight     int
}

func (s readSpeed) String() string {
	const MiB = 1 << 20
	return fmt.Sprintf("cold %.0f MiB/s, bare loop with %d in flight %.0f MiB/s: %.2f; cached %.0f MiB/s, disk %.0f MiB/s: %.2f",
		s.cold/MiB, s.inFlight, s.bare/MiB, s.cold/s.bare, s.cached/MiB, s.disk/MiB, s.cached/s.disk)
}

// BenchmarkSequentialRead reads a file of 1 GiB over HTTP with a latency of 10 ms, through
// links of 1 Gbit/s and of any speed. Without a limit all that is measured is the time of the processors, which
// the service, the mount and the reader share.
func BenchmarkSequentialRead(b *testing.B) {
	for _, link := range []int64{gigabit, 0} {
		b.Run(fmt.Sprint("link-", link>>20), func(b *testing.B) {
			s := newFileService(b, 1<<30)
			s.limitLink(link)
			for range b.N {
				speed := s.measure(b)
				b.Log(speed)
				b.ReportMetric(speed.cold/speed.bare, "cold/bare")
				b.ReportMetric(speed.cached/speed.disk, "cached/disk")
			}
		})
	}
}

// fileService is a service with a container that holds one file.
type fileService struct {
	*blockCounter
	size   int64
	blocks []string // URLs of its segments
}

const (
	serviceLatency = 10 * time.Millisecond
	gigabit        = 1_000_000_000 / 8 // bytes a second
)

func newFileService(t testing.TB, size int64) *fileService {
	t.Helper()
	s := &fileService{blockCounter: newBlockCounter(t), size: size}
	source := t.TempDir()
	writeRandom(t, filepath.Join(source, "file"), size)
	bin, err := harness.Binary()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(bin, "load", "--new", filepath.Join(t.TempDir(), "state"), source, s.url).CombinedOutput(); err != nil {
		t.Fatalf("load: %v\n%s", err, out)
	}
	if err := os.Remove(filepath.Join(source, "file")); err != nil {
		t.Fatal(err)
	}
	for name := range s.Blobs("container") {
		if n, err := clfs.ParseName(name); err == nil && n.Type == clfs.TypeSegment {
			s.blocks = append(s.blocks, s.Endpoint+"/container/"+name)
		}
	}
	s.SetLatency(serviceLatency)
	return s
}

// limitLink bounds the bytes a second of the link; 0: there is no bound.
func (s *fileService) limitLink(bytesPerSecond int64) {
	if bytesPerSecond > 0 {
		s.SetBandwidth(bytesPerSecond)
	}
}

// writeRandom writes a file that does not shrink.
func writeRandom(t testing.TB, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{1}), size); err != nil {
		t.Fatal(err)
	}
}

// measure reads the file through two mounts with the same cache.
func (s *fileService) measure(t testing.TB) (speed readSpeed) {
	cache := filepath.Join(t.TempDir(), "cache")
	speed.cold = s.through(t, cache)
	unix.Sync()
	forget(t, cache)
	speed.cached = s.through(t, cache)
	forget(t, cache)
	speed.disk = s.rate(func() { readFiles(t, cache) })
	speed.inFlight = s.Counts().MaxInFlight
	speed.bare = s.rate(func() { s.getAll(t, speed.inFlight) })
	return speed
}

func (s *fileService) rate(work func()) float64 {
	began := time.Now()
	work()
	return float64(s.size) / time.Since(began).Seconds()
}

// through reads the file through a new mount.
func (s *fileService) through(t testing.TB, cache string) float64 {
	t.Helper()
	bin, err := harness.Binary()
	if err != nil {
		t.Fatal(err)
	}
	point := t.TempDir()
	mount := exec.Command(bin, "mount", "--read-only", "--daemon", "--log-file", filepath.Join(t.TempDir(), "log"),
		"--target", s.url, "--cache", cache, point)
	if out, err := mount.CombinedOutput(); err != nil {
		t.Fatalf("mount: %v\n%s", err, out)
	}
	defer func() {
		if out, err := exec.Command("umount", point).CombinedOutput(); err != nil {
			t.Fatalf("umount: %v\n%s", err, out)
		}
	}()
	return s.rate(func() {
		if out, err := exec.Command("dd", "if="+filepath.Join(point, "file"), "of=/dev/null", "bs=1M").CombinedOutput(); err != nil {
			t.Fatalf("dd: %v\n%s", err, out)
		}
	})
}

// forget takes the files of a cache out of the page cache.
func forget(t testing.TB, cache string) {
	t.Helper()
	for _, path := range entriesOf(t, cache) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		err = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func entriesOf(t testing.TB, cache string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(cache, "*", "*", "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("the cache is empty: %v", err)
	}
	return paths
}

// readFiles reads the files of a cache as fast as the disk gives them.
func readFiles(t testing.TB, cache string) {
	var g errgroup.Group
	g.SetLimit(4)
	for _, path := range entriesOf(t, cache) {
		g.Go(func() error {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 1<<20))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// getAll gets all blocks, so many at a time.
func (s *fileService) getAll(t testing.TB, inFlight int) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: inFlight}}
	defer client.CloseIdleConnections()
	var g errgroup.Group
	g.SetLimit(inFlight)
	for _, url := range s.blocks {
		g.Go(func() error {
			response, err := client.Get(url)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, response.Body, make([]byte, 1<<20))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}
