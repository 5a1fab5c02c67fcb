package readonly

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// blockCounter is a blob service that counts the requests for segments and indirect
// blocks, and refuses them on demand.
type blockCounter struct {
	*blobserver.Server
	url     string // of its only container
	refuses atomic.Bool
	gets    atomic.Int64 // of segments and indirect blocks
}

func newBlockCounter(t testing.TB) *blockCounter {
	t.Helper()
	c := &blockCounter{Server: blobserver.New()}
	h := httptest.NewServer(c)
	c.Endpoint = h.URL + "/account"
	c.url = c.NewContainer("container") + "?sig=any"
	t.Cleanup(h.Close)
	t.Cleanup(c.Release)
	return c
}

// ServeHTTP implements http.Handler.
func (c *blockCounter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && isBlock(r.URL.Path) {
		c.gets.Add(1)
		if c.refuses.Load() {
			w.Header().Set("x-ms-request-id", "1") // else it is taken for a proxy's, and asked again
			w.Header().Set("x-ms-error-code", "AuthorizationPermissionMismatch")
			w.WriteHeader(http.StatusForbidden)
			return
		}
	}
	c.Server.ServeHTTP(w, r)
}

// isBlock reports whether a blob is a segment or an indirect block.
func isBlock(path string) bool {
	n, err := clfs.ParseName(filepath.Base(path))
	return err == nil && (n.Type == clfs.TypeSegment || n.Type == clfs.TypeIndirect)
}

// randomBytes are those of a file that does not shrink.
func randomBytes(t *testing.T, size int) []byte {
	t.Helper()
	data := make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(size)})
	_, _ = random.Read(data)
	return data
}

// loadedFile loads a tree with one file.
func (c *blockCounter) loadedFile(t *testing.T, content []byte) {
	t.Helper()
	source := t.TempDir()
	harness.Must(t, os.WriteFile(filepath.Join(source, "file"), content, 0o644))
	harness.Clfsload(t, "load", "--new", filepath.Join(t.TempDir(), "state"), source, c.url).MustExit(harness.ExitOK)
}

func mustRead(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read %s: %d bytes, want %d; %v", path, len(got), len(want), err)
	}
}

const twoBlocks = clfs.FirstSegmentBytes + clfs.SegmentBytes + 100_000

// cacheFiles are the files of a cache that hold blobs.
func cacheFiles(t *testing.T, cache string) (paths []string) {
	t.Helper()
	harness.Must(t, filepath.WalkDir(cache, func(path string, e fs.DirEntry, err error) error {
		if err == nil && isBlock(path) {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

func TestWhatWasReadOnceIsReadFromTheCacheAfterARemount(t *testing.T) {
	c := newBlockCounter(t)
	content := randomBytes(t, twoBlocks)
	c.loadedFile(t, content)
	cache, point := filepath.Join(t.TempDir(), "cache"), mounted.Point(t)
	first := mounted.ReadOnlyAt(t, point, c.url, "--cache", cache)
	mustRead(t, first.Path("file"), content)
	first.End(unix.SIGTERM).MustExit(harness.ExitOK)
	c.refuses.Store(true)
	second := mounted.ReadOnlyAt(t, point, c.url, "--cache", cache, "--cache-size", "64MiB")
	mustRead(t, second.Path("file"), content)
	if gets := c.gets.Load(); gets != 2 {
		t.Errorf("%d requests for two blocks", gets)
	}
	if len(cacheFiles(t, cache)) != 2 {
		t.Errorf("the cache holds %q", cacheFiles(t, cache))
	}
	info, err := os.Stat(cache)
	harness.Must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestMountsShareACache(t *testing.T) {
	c := newBlockCounter(t)
	content := randomBytes(t, twoBlocks)
	c.loadedFile(t, content)
	cache := filepath.Join(t.TempDir(), "cache")
	first := mounted.ReadOnly(t, c.url, "--cache", cache)
	second := mounted.ReadOnly(t, c.url, "--cache", cache)
	mustRead(t, first.Path("file"), content)
	mustRead(t, second.Path("file"), content)
	if gets := c.gets.Load(); gets != 2 {
		t.Errorf("%d requests for two blocks", gets)
	}
}

func TestAFlippedBitInTheCacheIsMended(t *testing.T) {
	c := newBlockCounter(t)
	content := randomBytes(t, twoBlocks)
	c.loadedFile(t, content)
	cache := filepath.Join(t.TempDir(), "cache")
	first := mounted.ReadOnly(t, c.url, "--cache", cache)
	mustRead(t, first.Path("file"), content)
	for _, path := range cacheFiles(t, cache) {
		data, err := os.ReadFile(path)
		harness.Must(t, err)
		data[len(data)/2] ^= 16
		harness.Must(t, os.WriteFile(path, data, 0o600))
	}
	second := mounted.ReadOnly(t, c.url, "--cache", cache)
	mustRead(t, second.Path("file"), content)
	if gets := c.gets.Load(); gets != 4 {
		t.Errorf("%d requests", gets)
	}
	second.End(unix.SIGTERM).MustExit(harness.ExitOK).MustSay("a file of the cache is damaged")
	c.refuses.Store(true)
	third := mounted.ReadOnly(t, c.url, "--cache", cache)
	mustRead(t, third.Path("file"), content)
}

// A container that is made anew under the address of another one is another one.
func TestACacheTellsAContainerFromOneThatWasThereBefore(t *testing.T) {
	c := newBlockCounter(t)
	cache, point := filepath.Join(t.TempDir(), "cache"), mounted.Point(t)
	for _, size := range []int{twoBlocks, twoBlocks + 1} {
		c.url = c.NewContainer("container") + "?sig=any"
		content := randomBytes(t, size)
		c.loadedFile(t, content)
		m := mounted.ReadOnlyAt(t, point, c.url, "--cache", cache)
		mustRead(t, m.Path("file"), content)
		m.End(unix.SIGTERM).MustExit(harness.ExitOK)
	}
}

func TestReadsGoOnWhenTheDiskOfTheCacheIsFull(t *testing.T) {
	c := newBlockCounter(t)
	content := randomBytes(t, 4*clfs.SegmentBytes)
	c.loadedFile(t, content)
	m := mounted.ReadOnly(t, c.url, "--cache", filepath.Join(harness.SmallDisk(t, "12m"), "cache"), "--cache-size", "1GiB")
	mustRead(t, m.Path("file"), content)
	m.End(unix.SIGTERM).MustExit(harness.ExitOK).MustSay("the cache does not work")
}

func TestARandomReadCostsOneBlock(t *testing.T) {
	c := newBlockCounter(t)
	content := randomBytes(t, 6*clfs.SegmentBytes)
	c.loadedFile(t, content)
	m := mounted.ReadOnly(t, c.url)
	m.AwaitLog("the container is listed")
	f, err := os.Open(m.Path("file"))
	harness.Must(t, err)
	defer f.Close()
	harness.Must(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM))
	for i, block := range []int{1, 4, 2, 5, 3} {
		got := make([]byte, 100_000)
		at := block*clfs.SegmentBytes + 1_000_000
		_, err := f.ReadAt(got, int64(at))
		if err != nil || !bytes.Equal(got, content[at:at+len(got)]) {
			t.Fatalf("at %d: %v", at, err)
		}
		if gets := c.gets.Load(); gets != int64(i+1) {
			t.Errorf("%d requests for %d reads", gets, i+1)
		}
	}
}

// The window of a reader in order grows to what memory holds.
func TestAReadInOrderHasManyRequestsInFlight(t *testing.T) {
	c := newBlockCounter(t)
	content := randomBytes(t, 24*clfs.SegmentBytes)
	c.loadedFile(t, content)
	c.SetLatency(300 * time.Millisecond)
	c.ResetMaxInFlight()
	m := mounted.ReadOnly(t, c.url)
	mustRead(t, m.Path("file"), content)
	if most := c.Counts().MaxInFlight; most < 6 {
		t.Errorf("%d requests in flight at most", most)
	}
	if gets := c.gets.Load(); gets != 24 {
		t.Errorf("%d requests for 24 blocks", gets)
	}
}

func TestAMountThatTakesWritesReadsWhatItEvictedFromItsCache(t *testing.T) {
	c := newBlockCounter(t)
	flags := []string{"--settle", "50ms", "--staging-limit", "64MiB"}
	cached := append(flags, "--cache-size", "256MiB")
	r := &mounted.Rewriting{Intake: mounted.NewIntakeInto(t, c.url, cached...), Source: t.TempDir()}
	r.Rewrite(0)
	r.Publish()
	r.MustBeRead()
	if c.gets.Load() == 0 {
		t.Fatal("nothing was evicted from staging")
	}
	c.refuses.Store(true)
	r.Remount(cached...)
	r.MustBeRead()
	c.refuses.Store(false)
	r.Remount(flags...)
	if _, err := os.Stat(filepath.Join(r.State, "cache")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without --cache-size the cache is kept: %v", err)
	}
	r.MustBeRead()
}

func TestACacheIsNotMadeWhereItDoesNotBelong(t *testing.T) {
	c := newBlockCounter(t)
	c.loadedFile(t, []byte("x"))
	foreign, point := t.TempDir(), mounted.Point(t)
	harness.Must(t, os.WriteFile(filepath.Join(foreign, "thesis.txt"), nil, 0o644))
	local := harness.Loaded(t, trees.Golden(t))
	for _, flags := range [][]string{
		{"--target", c.url, "--cache", foreign},
		{"--target", c.url, "--cache", filepath.Join(point, "cache")},
		{"--target", local, "--cache", filepath.Join(strings.TrimPrefix(local, "dir:"), "cache")},
		{"--target", c.url, "--cache-size", "1GiB"},
		{"--target", c.url, "--cache", filepath.Join(t.TempDir(), "cache"), "--cache-size", "1MiB"},
	} {
		harness.Clfsload(t, append(append([]string{"mount", "--read-only"}, flags...), point)...).MustExit(harness.ExitUsage)
	}
	harness.Clfsload(t, "mount", "--cache", foreign, point).MustExit(harness.ExitUsage).MustSay("STATE")
}
