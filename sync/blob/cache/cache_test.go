package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/sync/blob"
	"clfsload/sync/blob/blobtest"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/blob/mem"
	"clfsload/tests/needs"
)

// clock is a time that a test moves on.
type clock struct{ atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_700_000_000, c.Load()) }
func (c *clock) advance(d time.Duration) { c.Add(int64(d)) }

// fixture is a cached container, and what is behind it.
type fixture struct {
	*Container
	t       *testing.T
	dir     *Dir
	behind  *faulty.Container
	blobs   *mem.Container
	clock   *clock
	damaged atomic.Int64
	failed  atomic.Int64
}

// newFixture caches all blobs of a new container in a directory.
func newFixture(t *testing.T, path string, size int64) *fixture {
	return newFixtureOf(t, path, size, mem.New())
}

func newFixtureOf(t *testing.T, path string, size int64, blobs *mem.Container) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: &clock{}, blobs: blobs, behind: faulty.New(blobs)}
	d, err := open(path, Options{Size: size, Damaged: func(string, error) { f.damaged.Add(1) },
		Failed: func(err error) { t.Log(err); f.failed.Add(1) }}, f.clock.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	f.dir = d
	f.Container = d.Wrap(f.behind, func(string) bool { return true })
	f.Identify("test")
	return f
}

// fill puts a blob past the cache.
func (f *fixture) fill(name string, size int) {
	f.t.Helper()
	if err := f.blobs.Put(f.t.Context(), name, content(name, size)); err != nil {
		f.t.Fatal(err)
	}
}

// content is what the blobs of a test hold.
func content(name string, size int) []byte {
	data := make([]byte, size)
	random := rand.New(rand.NewPCG(uint64(len(name)), uint64(size)))
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return append(data, name...)
}

// read gets a blob and reports whether that asked the container.
func (f *fixture) read(name string, size int) (asked bool) {
	f.t.Helper()
	before := f.behind.Calls(faulty.Get)
	o, err := f.Get(f.t.Context(), name, 0, -1)
	if err != nil || !bytes.Equal(o.Data, content(name, size)) || o.Size != int64(len(o.Data)) {
		f.t.Fatalf("get %s: %d bytes, %v", name, len(o.Data), err)
	}
	if err := blob.CheckMD5(blob.Object{Info: o.Info, Data: o.Data}); err != nil || len(o.MD5) == 0 {
		f.t.Fatalf("get %s: MD5 %x: %v", name, o.MD5, err)
	}
	return f.behind.Calls(faulty.Get) > before
}

// keep reads a blob until it has an entry: none is added while what was added lately counts twice.
func (f *fixture) keep(name string, size int) {
	f.t.Helper()
	for f.fill(name, size); entries(f.t, f.dir.path)[name] == ""; {
		f.read(name, size)
	}
}

// entries are the files that hold blobs, by name.
func entries(t *testing.T, path string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(path, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && e.Name() != lockName && e.Name() != tagName {
			found[e.Name()] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestACachedContainerKeepsThePromisesOfAContainer(t *testing.T) {
	blobtest.TestContainer(t, func(t *testing.T) blob.Container { return newFixture(t, t.TempDir(), 1<<30).Container })
}

func TestABlobIsFetchedOnce(t *testing.T) {
	path := t.TempDir()
	f := newFixture(t, path, 1<<20)
	f.fill("blob", 5000)
	if asked := f.read("blob", 5000); !asked {
		t.Error("the first read did not ask the container")
	}
	if asked := f.read("blob", 5000); asked {
		t.Error("the second read asked the container")
	}
	again := newFixtureOf(t, path, 1<<20, f.blobs)
	if asked := again.read("blob", 5000); asked {
		t.Error("a read after a remount asked the container")
	}
}

func TestLargeBlobsComeBackFromAnyDisk(t *testing.T) {
	memory, err := os.MkdirTemp("/dev/shm", "clfsload-cache-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(memory) })
	for _, path := range []string{t.TempDir(), memory} {
		f := newFixture(t, path, 1<<30)
		for _, size := range []int{direct - 10, direct, direct + 1, piece - trailerBytes, piece, 3 * piece, 8<<20 + 88, 8<<20 + block - 40} {
			name := fmt.Sprint("blob", size)
			f.fill(name, size)
			f.read(name, size)
			if asked := f.read(name, size); asked {
				t.Errorf("%s was not kept", name)
			}
		}
	}
}

func TestBytesThatAreNotAlignedAreWritten(t *testing.T) {
	f := newFixture(t, t.TempDir(), 1<<30)
	o := blob.Object{Info: blob.Info{Name: "blob", Size: 1 << 20}, Data: aligned(1<<20 + 10)[10:]}
	copy(o.Data, content("other", 1<<20))
	path := f.entry("blob")
	f.dir.store(path, o, func(temporary string) error { return os.Rename(temporary, path) })
	got, found := f.dir.load(path, "blob")
	if !found || !bytes.Equal(got.Data, o.Data) {
		t.Errorf("%d bytes, found %v", len(got.Data), found)
	}
}

func TestAPartOfACachedBlobIsReadFromTheCache(t *testing.T) {
	f := newFixture(t, t.TempDir(), 1<<20)
	f.fill("blob", 5000)
	f.read("blob", 5000)
	before := f.behind.Calls(faulty.Get)
	o, err := f.Get(t.Context(), "blob", 0, 100)
	if err != nil || !bytes.Equal(o.Data, content("blob", 5000)[:100]) || o.Size != 5004 || f.behind.Calls(faulty.Get) != before {
		t.Errorf("%d bytes of %d, %v", len(o.Data), o.Size, err)
	}
}

func TestOnlyWholeImmutableBlobsAreKept(t *testing.T) {
	f := newFixture(t, t.TempDir(), 1<<20)
	f.Container.immutable = func(name string) bool { return name == "immutable" }
	for _, name := range []string{"immutable", "other"} {
		f.fill(name, 100)
		for _, r := range [][2]int64{{0, 50}, {50, -1}, {0, 0}} {
			if _, err := f.Get(t.Context(), name, r[0], r[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.read("other", 100)
	if found := entries(t, f.dir.path); len(found) > 0 {
		t.Errorf("entries %v", found)
	}
}

func TestAContainerThatIsMadeAgainIsAnotherOne(t *testing.T) {
	f := newFixture(t, t.TempDir(), 1<<20)
	f.fill("blob", 100)
	f.read("blob", 100)
	f.Identify("the next one")
	if asked := f.read("blob", 100); !asked {
		t.Error("a blob of another container was read")
	}
}

func TestAnyFlippedBitIsFoundAndMended(t *testing.T) {
	f := newFixture(t, t.TempDir(), 1<<20)
	f.fill("blob", 30)
	f.read("blob", 30)
	path := entries(t, f.dir.path)["blob"]
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(sound) {
		if zeros := bit/8 > 40 && bit/8 < len(sound)-trailerBytes; zeros && bit%997 > 0 {
			continue // one like the other
		}
		broken := bytes.Clone(sound)
		broken[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		if asked := f.read("blob", 30); !asked {
			t.Fatalf("bit %d was not noticed", bit)
		}
		if f.damaged.Swap(0) != 1 {
			t.Fatalf("bit %d was not reported", bit)
		}
		if asked := f.read("blob", 30); asked {
			t.Fatalf("bit %d was not mended", bit)
		}
	}
}

func TestATornOrForeignFileIsNoEntry(t *testing.T) {
	f := newFixture(t, t.TempDir(), 1<<30)
	f.fill("blob", 5000)
	f.fill("blo2", 5000)
	f.read("blob", 5000)
	f.read("blo2", 5000)
	found := entries(t, f.dir.path)
	sound, _ := os.ReadFile(found["blob"])
	other, _ := os.ReadFile(found["blo2"])
	zeros := append(bytes.Clone(sound[:4096]), make([]byte, len(sound)-4096)...)
	for name, broken := range map[string][]byte{"empty": nil, "short": sound[:len(sound)-1], "half": sound[:len(sound)/2], "trailer": sound[len(sound)-trailerBytes:], "last block": sound[len(sound)-block:],
		"zeros": zeros, "all zeros": make([]byte, len(sound)), "long": append(bytes.Clone(sound), 0), "of another blob": other} {
		if err := os.WriteFile(found["blob"], broken, 0o600); err != nil {
			t.Fatal(err)
		}
		if asked := f.read("blob", 5000); !asked {
			t.Errorf("%s: not noticed", name)
		}
	}
	if err := os.Truncate(found["blob"], 1<<40); err != nil {
		t.Fatal(err)
	}
	f.read("blob", 5000)
}

// A blob whose container keeps no MD5 may be damaged before it is kept. The reader
// notices, and reads it again.
func TestAReaderThatFindsDamageGetsPastTheCache(t *testing.T) {
	f := newFixture(t, t.TempDir(), 1<<20)
	damaged := blob.Object{Info: blob.Info{Name: "blob", Size: 3}, Data: []byte("bad")}
	f.dir.store(f.entry("blob"), damaged, func(temporary string) error { return os.Rename(temporary, f.entry("blob")) })
	f.fill("blob", 100)
	get := func(ctx context.Context) (blob.Object, error) { return f.Get(ctx, "blob", 0, -1) }
	o, err := blob.ReadChecked(t.Context(), get, func(o blob.Object) error {
		if len(o.Data) == 3 {
			return errors.New("damaged")
		}
		return nil
	})
	if err != nil || !bytes.Equal(o.Data, content("blob", 100)) {
		t.Errorf("%q, %v", o.Data, err)
	}
	if asked := f.read("blob", 100); asked {
		t.Error("the damaged entry was not replaced")
	}
}

func TestWhatDoesNotMatchItsMD5IsNotKept(t *testing.T) {
	f := newFixture(t, t.TempDir(), 1<<20)
	f.fill("blob", 100)
	f.Container.Container = lying{f.behind}
	if o, err := f.Get(t.Context(), "blob", 0, -1); err != nil || o.Checked {
		t.Errorf("checked %v, %v", o.Checked, err)
	}
	if found := entries(t, f.dir.path); len(found) > 0 {
		t.Errorf("entries %v", found)
	}
}

// lying flips a bit of each answer.
type lying struct{ blob.Container }

func (l lying) Get(ctx context.Context, name string, offset, length int64) (blob.Object, error) {
	o, err := l.Container.Get(ctx, name, offset, length)
	o.Data[0] ^= 1
	return o, err
}

// kept are the names of the entries, in order.
func (f *fixture) kept() (names []string) {
	for name := range entries(f.t, f.dir.path) {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestTheLeastRecentlyUsedEntriesAreEvictedFirst(t *testing.T) {
	const size = 4096 - trailerBytes - len("0")
	f := newFixture(t, t.TempDir(), 16*4096)
	for i := range 16 {
		f.keep(fmt.Sprintf("%x", i), size)
		f.clock.advance(2 * recency)
	}
	for _, name := range []string{"0", "2", "1"} {
		f.read(name, size)
		f.clock.advance(2 * recency)
	}
	if err := f.dir.evict(t.Context()); err != nil || len(f.kept()) != 16 {
		t.Fatalf("%v, %v", f.kept(), err)
	}
	f.keep("new", size)
	if err := f.dir.evict(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"0", "1", "2", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f", "new"}
	if got := f.kept(); !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
}

func TestTheCacheStaysBelowItsSize(t *testing.T) {
	const size, each = 1 << 20, 20_000
	path := t.TempDir()
	blobs := mem.New()
	var mounts []*fixture
	for range 2 {
		mounts = append(mounts, newFixtureOf(t, path, size, blobs))
	}
	for i := range 400 {
		f := mounts[i%2]
		name := fmt.Sprint("blob", i)
		f.fill(name, each)
		f.read(name, each)
		f.clock.advance(time.Second)
	}
	for _, f := range mounts {
		if err := f.dir.evict(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := mounts[0].occupied(); got > size || got < size/2 {
		t.Errorf("%d bytes of %d", got, size)
	}
}

// occupied is what all entries take.
func (f *fixture) occupied() (sum int64) {
	for _, path := range entries(f.t, f.dir.path) {
		if info, err := os.Stat(path); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

func TestNothingIsAddedWhileEvictionCannotKeepUp(t *testing.T) {
	f := newFixture(t, t.TempDir(), 1<<20)
	unlock, err := f.dir.lock(t.Context()) // as another process that evicts
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	for i := range 100 {
		name := fmt.Sprint("blob", i)
		f.fill(name, 50_000)
		f.read(name, 50_000)
	}
	if got := f.occupied(); got > 1<<20+1<<17+1<<16 {
		t.Errorf("%d bytes", got)
	}
}

func TestMoreEntriesThanABatchAreEvicted(t *testing.T) {
	f := newFixture(t, t.TempDir(), 1<<30)
	shard := filepath.Join(*f.entries.Load(), "xx")
	if err := os.MkdirAll(shard, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range batch + 1000 {
		if err := os.WriteFile(filepath.Join(shard, fmt.Sprint(i)), make([]byte, block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.dir.mu.Lock()
	f.dir.size = 16 * 4096
	f.dir.mu.Unlock()
	if err := f.dir.evict(t.Context()); err != nil || len(f.kept()) > 16 {
		t.Errorf("%d entries, %v", len(f.kept()), err)
	}
}

func TestWithoutASizeTheCacheTakesHalfOfTheRoom(t *testing.T) {
	needs.Root(t)
	path := t.TempDir()
	if err := unix.Mount("clfsload-test", path, "tmpfs", 0, "size=4m"); err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
	for range 2 { // what it takes already is room for it
		f := newFixture(t, path, 0)
		for i := range 100 {
			name := fmt.Sprint("blob", i)
			f.fill(name, 50_000)
			f.read(name, 50_000)
		}
		if err := f.dir.evict(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := f.occupied(); got > 2<<20 || got < 1<<20 {
			t.Errorf("%d bytes", got)
		}
		f.dir.Close()
	}
}

func TestReadsGoOnWhenTheDiskIsFull(t *testing.T) {
	needs.Root(t)
	path := t.TempDir()
	if err := unix.Mount("clfsload-test", path, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
	f := newFixture(t, path, 1<<30)
	for i := range 100 {
		name := fmt.Sprint("blob", i)
		f.fill(name, 50_000)
		f.read(name, 50_000)
	}
	if err := f.dir.evict(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.read("blob99", 50_000)
	f.read("blob99", 50_000)
	if f.failed.Load() == 0 {
		t.Error("nothing was reported")
	}
	for _, name := range f.kept() {
		if isTemporary(name) {
			t.Errorf("%s is left", name)
		}
	}
	if asked := f.read("blob99", 50_000); asked {
		t.Error("the cache did not make room for itself")
	}
}

func TestReadsGoOnWhenTheDirectoryIsGone(t *testing.T) {
	f := newFixture(t, filepath.Join(t.TempDir(), "cache"), 1<<20)
	f.fill("blob", 100)
	f.read("blob", 100)
	if err := os.RemoveAll(f.dir.path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.dir.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.read("blob", 100)
	f.read("blob", 100)
	if f.failed.Load() == 0 {
		t.Error("nothing was reported")
	}
}

func TestAPutOrDeleteDropsTheEntry(t *testing.T) {
	for name, change := range map[string]func(f *fixture) error{
		"put":       func(f *fixture) error { return f.Put(t.Context(), "blob", content("blob", 7)) },
		"put whole": func(f *fixture) error { return f.PutWhole(t.Context(), "blob", content("blob", 7)) },
		"failed put": func(f *fixture) error {
			f.behind.On(faulty.Put, faulty.Fault{Err: blob.ErrTransient, After: true})
			if err := f.Put(t.Context(), "blob", content("blob", 7)); !errors.Is(err, blob.ErrTransient) {
				return fmt.Errorf("put: %w", err)
			}
			return nil
		},
	} {
		f := newFixture(t, t.TempDir(), 1<<20)
		f.fill("blob", 5000)
		f.read("blob", 5000)
		if err := change(f); err != nil {
			t.Fatal(err)
		}
		if asked := f.read("blob", 7); !asked {
			t.Errorf("after a %s the cache answered", name)
		}
	}
	f := newFixture(t, t.TempDir(), 1<<20)
	f.fill("blob", 5000)
	f.read("blob", 5000)
	if err := f.Delete(t.Context(), "blob"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Get(t.Context(), "blob", 0, -1); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("after a delete: %v", err)
	}
}

// slow calls during between the reading of a blob and its answer.
type slow struct {
	blob.Container
	during func()
}

func (s *slow) Get(ctx context.Context, name string, offset, length int64) (blob.Object, error) {
	o, err := s.Container.Get(ctx, name, offset, length)
	s.during()
	return o, err
}

func (s *slow) Put(ctx context.Context, name string, data []byte) error {
	s.during()
	return s.Container.Put(ctx, name, data)
}

func TestWhatIsFetchedWhileItIsPutIsNotKept(t *testing.T) {
	f := newFixture(t, t.TempDir(), 1<<20)
	f.fill("blob", 5000)
	get := &slow{f.behind, func() {
		if err := f.Put(t.Context(), "blob", content("blob", 7)); err != nil {
			t.Error(err)
		}
	}}
	put := f.Container.Container
	f.Container.Container = getter{put, get}
	if o, err := f.Get(t.Context(), "blob", 0, -1); err != nil || len(o.Data) != 5004 {
		t.Fatalf("%d bytes, %v", len(o.Data), err)
	}
	f.Container.Container = put
	if asked := f.read("blob", 7); !asked {
		t.Error("the bytes of before the put were kept")
	}
}

// getter takes gets from another container.
type getter struct {
	blob.Container
	gets blob.Container
}

func (g getter) Get(ctx context.Context, name string, offset, length int64) (blob.Object, error) {
	return g.gets.Get(ctx, name, offset, length)
}

func TestWhatIsKeptWhileItIsPutIsDropped(t *testing.T) {
	f := newFixture(t, t.TempDir(), 1<<20)
	f.fill("blob", 5000)
	behind := f.Container.Container
	f.Container.Container = &slow{behind, func() {
		f.Container.Container = behind
		f.read("blob", 5000)
	}}
	if err := f.Put(t.Context(), "blob", content("blob", 7)); err != nil {
		t.Fatal(err)
	}
	if asked := f.read("blob", 7); !asked {
		t.Error("the bytes of before the put were kept")
	}
}

func TestAPutFailsIfTheEntryCannotBeRemoved(t *testing.T) {
	f := newFixture(t, t.TempDir(), 1<<20)
	if err := os.MkdirAll(filepath.Join(f.entry("blob"), "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Put(t.Context(), "blob", nil); !errors.Is(err, blob.ErrUnexpected) {
		t.Errorf("error %v", err)
	}
}

func TestReadersOfOneBlobAtATimeAllGetIt(t *testing.T) {
	path := t.TempDir()
	blobs := mem.New()
	mounts := []*fixture{newFixtureOf(t, path, 1<<20, blobs), newFixtureOf(t, path, 1<<20, blobs)}
	for i := range 20 {
		name := fmt.Sprint("blob", i)
		mounts[0].fill(name, 30_000)
		var readers sync.WaitGroup
		for r := range 8 {
			readers.Go(func() {
				o, err := mounts[r%2].Get(t.Context(), name, 0, -1)
				if err != nil || !bytes.Equal(o.Data, content(name, 30_000)) {
					t.Errorf("%d bytes, %v", len(o.Data), err)
				}
			})
		}
		readers.Wait()
	}
	if n := mounts[0].damaged.Load() + mounts[1].damaged.Load(); n > 0 {
		t.Errorf("%d entries were damaged", n)
	}
}

func TestADirectoryOfSomethingElseIsRefused(t *testing.T) {
	path := t.TempDir()
	if err := os.WriteFile(filepath.Join(path, "thesis.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{Size: 1}); !errors.Is(err, ErrDir) {
		t.Errorf("a directory with a file: %v", err)
	}
	if os.Geteuid() == 0 {
		foreign := t.TempDir()
		if err := os.Chown(foreign, 12345, -1); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(foreign, Options{Size: 1}); !errors.Is(err, ErrDir) {
			t.Errorf("a directory of another user: %v", err)
		}
	}
}

func TestOthersLoseAccessToTheDirectory(t *testing.T) {
	path := t.TempDir()
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, path, 1<<20)
	f.fill("blob", 100)
	f.read("blob", 100)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestWhatAKilledProcessWasWritingIsRemoved(t *testing.T) {
	f := newFixture(t, t.TempDir(), 1<<20)
	f.fill("blob", 100)
	f.read("blob", 100)
	left := filepath.Join(filepath.Dir(entries(t, f.dir.path)["blob"]), temporary+"123")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.clock.Store(time.Now().UnixNano() - time.Unix(1_700_000_000, 0).UnixNano())
	for _, want := range []bool{true, false} {
		if err := f.dir.evict(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(left); (err == nil) != want {
			t.Errorf("there: %v, want %v", err == nil, want)
		}
		f.clock.advance(2 * abandoned)
	}
}
