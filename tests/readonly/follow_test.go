package readonly

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// stampBlock is the unit in which stamped files are changed, in bytes.
const stampBlock = 1 << 20

// A stamped file says at its beginning which version of which file it is, how long it is, and
// of which version each block is. All other bytes follow from that. So no mixture of two versions, and
// no wrong byte, passes for a version.
type stamped struct {
	tag     string
	version int
	size    int
	blocks  []int // the versions
}

func newStamped(tag string, version, size int) stamped {
	s := stamped{tag: tag, version: version, size: size}
	for range max(1, (size+stampBlock-1)/stampBlock) {
		s.blocks = append(s.blocks, version)
	}
	return s
}

// changed is the next version, in which some blocks are new.
func (s stamped) changed(version int, random *rand.Rand) stamped {
	s.version, s.blocks = version, slices.Clone(s.blocks)
	s.blocks[0] = version
	s.blocks[random.IntN(len(s.blocks))] = version
	return s
}

// block is the contents of a block.
func (s stamped) block(n int) []byte {
	data := make([]byte, min(stampBlock, s.size-n*stampBlock))
	random := rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%-12.12s%10d%10d", s.tag, n, s.blocks[n]))))
	_, _ = random.Read(data)
	if n == 0 {
		copy(data, fmt.Sprintf("%s %d %d %v\n", s.tag, s.version, s.size, s.blocks))
	}
	return data
}

func (s stamped) contents() (all []byte) {
	for n := range s.blocks {
		all = append(all, s.block(n)...)
	}
	return all
}

// stampOf reads the beginning of a stamped file.
func stampOf(data []byte) (s stamped, err error) {
	line, _, found := bytes.Cut(data, []byte("\n"))
	if !found {
		return s, fmt.Errorf("no stamp in %d bytes", len(data))
	}
	list := bytes.Trim(line[bytes.IndexByte(line, '[')+1:], "]")
	if _, err := fmt.Sscan(string(line), &s.tag, &s.version, &s.size); err != nil {
		return s, err
	}
	for _, word := range bytes.Fields(list) {
		n := 0
		if _, err := fmt.Sscan(string(word), &n); err != nil {
			return s, err
		}
		s.blocks = append(s.blocks, n)
	}
	if want := len(newStamped(s.tag, s.version, s.size).blocks); len(s.blocks) != want {
		return s, fmt.Errorf("%d blocks in the stamp, want %d", len(s.blocks), want)
	}
	return s, nil
}

// publisher changes a mount and publishes it, again and again.
type publisher struct {
	*mounted.Intake
	random *rand.Rand
	round  int
	files  map[string]stamped // by path; those that are always there
	extra  int                // files that the big directory has now besides those that stay

	mu        sync.Mutex
	published []moments // by time
}

// moments are the versions of the files once a publication was complete.
type moments struct {
	at       time.Time
	versions map[string]int
}

// The big directory has names so long that it takes several segments.
const (
	bigStays = 300
	bigExtra = 2500
)

func bigName(kind string, n int) string { return fmt.Sprintf("big/%s-%04d-%0180d", kind, n, n) }

func newPublisher(t *testing.T, target string) *publisher {
	t.Helper()
	p := &publisher{Intake: mounted.NewIntakeInto(t, target, "--settle", "0s"), random: rand.New(rand.NewPCG(4, 4)), files: map[string]stamped{}}
	for _, dir := range []string{"flip", "big", "here/moving", "there"} {
		harness.Must(t, os.MkdirAll(p.Path(dir), 0o755))
	}
	for n, size := range []int{200, 5000, 16384, 16385, 60_000, 700_000, 2_500_000, 9_000_000, 20_000_000} {
		p.write(fmt.Sprintf("file-%d", n), fmt.Sprintf("file-%d", n), size)
	}
	p.write("flip/inside", "inside", 100)
	p.write("link-a", "link", 30_000)
	harness.Must(t, os.Link(p.Path("link-a"), p.Path("link-b")))
	p.files["link-b"] = p.files["link-a"]
	harness.WriteFile(t, p.Path("here/moving/cargo"), "cargo")
	for n := range bigStays {
		harness.WriteFile(t, p.Path(bigName("stays", n)), "")
	}
	p.publishAll()
	return p
}

func (p *publisher) write(path, tag string, size int) {
	p.T.Helper()
	s := newStamped(tag, p.round, size)
	harness.Must(p.T, os.WriteFile(p.Path(path), s.contents(), 0o644))
	p.files[path] = s
}

func (p *publisher) publishAll() {
	p.T.Helper()
	p.Publish()
	m := moments{time.Now(), map[string]int{}}
	for path, s := range p.files {
		m.versions[path] = s.version
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.published = append(p.published, m)
}

// leastVersion is what a follower must show at the moment at, or a later one.
func (p *publisher) leastVersion(path string, at time.Time, interval time.Duration) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range slices.Backward(p.published) {
		if m.at.Add(interval).Before(at) {
			return m.versions[path]
		}
	}
	return 0
}

// killEvery is how many rounds of changes pass until the publisher is killed.
const killEvery = 5

// killedDuringAPublication kills the mount at some moment of a publication, and mounts again.
func (p *publisher) killedDuringAPublication() {
	p.T.Helper()
	r := harness.Command(p.T, []string{"publish", p.Point})
	r.Start()
	time.Sleep(time.Duration(p.random.IntN(600)) * time.Millisecond)
	p.Killed()
	r.Wait()
	p.Again("--settle", "0s")
}

// edit makes one round of changes.
func (p *publisher) edit() {
	p.T.Helper()
	p.round++
	for _, change := range []func(){p.rewrite, p.rewrite, p.renameOver, p.changeBlocks, p.flip, p.links, p.resizeBig, p.move} {
		if p.random.IntN(3) > 0 {
			change()
		}
	}
}

func (p *publisher) anyFile() (path string) { return fmt.Sprintf("file-%d", p.random.IntN(9)) }

func (p *publisher) rewrite() {
	path := p.anyFile()
	size := p.files[path].size
	if p.random.IntN(2) == 0 {
		size = max(150, size/2+p.random.IntN(size))
	}
	p.write(path, path, min(size, 24_000_000))
}

func (p *publisher) renameOver() {
	path := p.anyFile()
	s := newStamped(path, p.round, p.files[path].size)
	harness.Must(p.T, os.WriteFile(p.Path("temporary"), s.contents(), 0o600))
	harness.Must(p.T, os.Rename(p.Path("temporary"), p.Path(path)))
	p.files[path] = s
}

// changeBlocks writes a few blocks of a file in place.
func (p *publisher) changeBlocks() {
	path := p.anyFile()
	s := p.files[path].changed(p.round, p.random)
	f, err := os.OpenFile(p.Path(path), os.O_WRONLY, 0)
	harness.Must(p.T, err)
	defer f.Close()
	for n, version := range s.blocks {
		if version == p.round {
			_, err := f.WriteAt(s.block(n), int64(n)*stampBlock)
			harness.Must(p.T, err)
		}
	}
	p.files[path] = s
}

// flip makes a directory of the same name anew.
func (p *publisher) flip() {
	harness.Must(p.T, os.Remove(p.Path("flip/inside")))
	harness.Must(p.T, os.Remove(p.Path("flip")))
	harness.Must(p.T, os.Mkdir(p.Path("flip"), 0o755))
	p.write("flip/inside", "inside", 100+p.random.IntN(40_000))
}

func (p *publisher) links() {
	if p.random.IntN(2) == 0 {
		p.write("temporary", "link", 20_000+p.random.IntN(40_000))
		harness.Must(p.T, os.Link(p.Path("temporary"), p.Path("temporary-2")))
		harness.Must(p.T, os.Rename(p.Path("temporary"), p.Path("link-a")))
		harness.Must(p.T, os.Rename(p.Path("temporary-2"), p.Path("link-b")))
		p.files["link-a"] = p.files["temporary"]
		delete(p.files, "temporary")
	} else {
		p.write("link-a", "link", 10_000+p.random.IntN(40_000))
	}
	p.files["link-b"] = p.files["link-a"]
}

func (p *publisher) resizeBig() {
	want := min(max(0, p.extra+p.random.IntN(1200)-600), bigExtra)
	for ; p.extra < want; p.extra++ {
		harness.Must(p.T, os.WriteFile(p.Path(bigName("extra", p.extra)), nil, 0o644))
	}
	for ; p.extra > want; p.extra-- {
		harness.Must(p.T, os.Remove(p.Path(bigName("extra", p.extra-1))))
	}
}

func (p *publisher) move() {
	if os.Rename(p.Path("here/moving"), p.Path("there/moving")) != nil {
		harness.Must(p.T, os.Rename(p.Path("there/moving"), p.Path("here/moving")))
	}
}

// followingMount is a mount that follows a publisher, with those who read in it.
type followingMount struct {
	*mounted.Mount
	t        *testing.T
	p        *publisher
	interval time.Duration
	reads    atomic.Int64
	stale    atomic.Int64
}

func (p *publisher) follow(interval time.Duration, flags ...string) *followingMount {
	p.T.Helper()
	m := mounted.ReadOnly(p.T, p.Target, append(flags, "--follow", interval.String(), "--memory", "64MiB")...)
	return &followingMount{Mount: m, t: p.T, p: p, interval: interval}
}

// tolerates counts an outcome, and reports false for what a follower must not meet.
func (m *followingMount) tolerates(what string, err error, others ...error) bool {
	m.reads.Add(1)
	if err == nil {
		return true
	}
	if errors.Is(err, unix.ESTALE) {
		m.stale.Add(1)
		return true
	}
	for _, other := range others {
		if errors.Is(err, other) {
			return true
		}
	}
	m.t.Errorf("%s: %v", what, err)
	return false
}

func (m *followingMount) anyPath(random *rand.Rand) string {
	n := random.IntN(12)
	return []string{"flip/inside", "link-a", "link-b", fmt.Sprintf("file-%d", max(0, n-3))}[min(n, 3)]
}

// readPace is how often each reader reads something.
const readPace = 30 * time.Millisecond

// slack is how much later than the interval a test believes its clock.
const slack = 300 * time.Millisecond

// whole reads a file, which must be of a version that is new enough.
func (m *followingMount) whole(random *rand.Rand) {
	path, began := m.anyPath(random), time.Now()
	data, err := os.ReadFile(m.Path(path))
	if !m.tolerates("read "+path, err) || err != nil {
		return
	}
	s, err := stampOf(data)
	if err != nil || !bytes.Equal(data, s.contents()) {
		m.t.Errorf("%s: wrong bytes: %+v, %d bytes, %v", path, s, len(data), err)
		return
	}
	if least := m.p.leastVersion(path, began, m.interval+slack); s.version < least {
		m.t.Errorf("%s: version %d, must be %d or later", path, s.version, least)
	}
}

// hold opens a file and reads in it for a while: always the same version.
func (m *followingMount) hold(random *rand.Rand) {
	path := m.anyPath(random)
	f, err := os.Open(m.Path(path))
	if !m.tolerates("open "+path, err) || err != nil {
		return
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := f.ReadAt(head, 0)
	if n == 0 && (!m.tolerates("read "+path, err) || err != nil) {
		return
	}
	s, err := stampOf(head[:n])
	if err != nil {
		m.t.Errorf("%s: %v", path, err)
		return
	}
	want, pace := s.contents(), time.NewTicker(readPace)
	defer pace.Stop()
	for end := time.Now().Add(time.Duration(random.IntN(3000)) * time.Millisecond); time.Now().Before(end); {
		from := random.IntN(len(want))
		got := make([]byte, min(1+random.IntN(200_000), len(want)-from))
		_, err := f.ReadAt(got, int64(from))
		if !m.tolerates("read in "+path, err) {
			return
		}
		if err == nil && !bytes.Equal(got, want[from:from+len(got)]) {
			m.t.Errorf("%s: wrong bytes in %d from %d of version %d", path, len(got), from, s.version)
			return
		}
		harness.Must(m.t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
		<-pace.C
	}
	if info, err := f.Stat(); err != nil || info.Size() != int64(len(want)) {
		m.t.Errorf("%s: fstat of version %d: %v, %v", path, s.version, info, err)
	}
}

// list lists the big directory: what stays there is listed once each time.
func (m *followingMount) list(*rand.Rand) {
	entries, err := os.ReadDir(m.Path("big"))
	if !m.tolerates("list big", err) || err != nil {
		return
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if seen[e.Name()] {
			m.t.Errorf("%s is listed twice", e.Name())
		}
		seen[e.Name()] = true
	}
	for n := range bigStays {
		if !seen[filepath.Base(bigName("stays", n))] {
			m.t.Errorf("entry %d of big is missing in %d entries", n, len(entries))
			return
		}
	}
	for _, n := range []int{0, 100, 299} {
		_, err := os.Lstat(m.Path(bigName("stays", n)))
		m.tolerates("look up in big", err)
	}
	_, err = os.Lstat(m.Path(bigName("extra", 700)))
	m.tolerates("look up in big", err, fs.ErrNotExist)
}

// chase reads a file in a directory that moves, and walks.
func (m *followingMount) chase(*rand.Rand) {
	for _, place := range []string{"here", "there"} {
		data, err := os.ReadFile(m.Path(place + "/moving/cargo"))
		if m.tolerates("read cargo", err, fs.ErrNotExist) && err == nil && string(data) != "cargo" {
			m.t.Errorf("cargo is %q", data)
		}
		_, err = os.ReadDir(m.Path(place))
		m.tolerates("list "+place, err)
	}
}

// readUntil has everything read at once until stop is closed.
func (m *followingMount) readUntil(stop <-chan struct{}, readers *sync.WaitGroup) {
	for n, read := range []func(*rand.Rand){m.whole, m.whole, m.hold, m.hold, m.list, m.chase} {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), uint64(m.interval)))
			pace := time.NewTicker(readPace) // leaves the processors to the mounts
			defer pace.Stop()
			for !m.t.Failed() {
				select {
				case <-stop:
					return
				case <-pace.C:
					read(random)
				}
			}
		})
	}
}

// mustArrive wants the follower to show what the publisher has, once an interval is over.
func (m *followingMount) mustArrive() {
	m.t.Helper()
	time.Sleep(m.interval + slack) // what is tested is how long it takes
	trees.ReportLines(m.t, "a follower differs from the mount that publishes",
		inventory.Compare(trees.List(m.t, m.p.Point), trees.List(m.t, m.Point), trees.AsMounted))
	m.End(unix.SIGTERM).MustExit(harness.ExitOK)
	if log := m.Log.Whole(); strings.Contains(log, "level=ERROR") {
		m.t.Errorf("the log of a follower has errors:\n%s", harness.Clip(log))
	}
	m.t.Logf("--follow %s: %d calls, %d of them stale", m.interval, m.reads.Load(), m.stale.Load())
}

// followTime is how long followers of a mount that publishes every second are tested.
var followTime = harness.Scaled(30*time.Second, 20*time.Minute)

func TestFollowersOfAWriterSeeNoWrongByte(t *testing.T) {
	for name, target := range map[string]func() string{
		"directory": func() string { return "dir:" + filepath.Join(t.TempDir(), "container") },
		"service":   func() string { return remote.NewMetered(t).URL },
	} {
		t.Run(name, func(t *testing.T) { followFor(t, newPublisher(t, target()), followTime/2) })
	}
}

func followFor(t *testing.T, p *publisher, d time.Duration) {
	cache := filepath.Join(t.TempDir(), "cache") // smaller than the files
	followers := []*followingMount{p.follow(time.Second), p.follow(3*time.Second, "--cache", cache, "--cache-size", "64MiB")}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for _, m := range followers {
		m.readUntil(stop, &readers)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end) && !t.Failed(); <-tick.C {
		p.edit()
		if p.round%killEvery == 0 {
			p.killedDuringAPublication()
		}
		p.publishAll()
	}
	close(stop)
	readers.Wait()
	for _, m := range followers {
		m.mustArrive()
	}
	t.Logf("%d publications", len(p.published))
}

func TestFollowWantsAReadOnlyMountAndASecond(t *testing.T) {
	point := mounted.Point(t)
	harness.Clfsload(t, "mount", "--follow", "1s", point).MustExit(harness.ExitUsage).MustSay("--follow needs --read-only")
	for _, interval := range []string{"0", "999ms", "-1s"} {
		harness.Clfsload(t, "mount", "--read-only", "--target", "dir:/nothing", "--follow", interval, point).MustExit(harness.ExitUsage).MustSay("1s or more")
	}
}

// A container that no mount has open costs a follower one request for each interval that it is used in.
func TestAFollowerOfAClosedContainerAsksForTheMarkAlone(t *testing.T) {
	c := newBlockCounter(t)
	c.loadedTree(t)
	m := mounted.ReadOnly(t, c.url, "--follow", "1s")
	before := trees.List(t, m.Point)
	asked := c.Counts().Requests
	began := time.Now()
	for time.Since(began) < 3*time.Second {
		trees.ReportLines(t, "the mount differs from before", inventory.Compare(before, trees.List(t, m.Point), trees.AsMounted))
	}
	now, rounds := c.Counts().Requests, int(time.Since(began)/time.Second)+2
	if now["List"] != asked["List"] || now["Get"]-asked["Get"] > rounds {
		t.Errorf("%d listings and %d reads in %d rounds", now["List"]-asked["List"], now["Get"]-asked["Get"], rounds)
	}
}
