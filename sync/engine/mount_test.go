package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/engine/publish"
)

// mount is a mount without a kernel: a journal, and staging files in memory. Its
// methods do what system calls do.
type mount struct {
	t       *testing.T
	dir     string
	journal *state.Journal
	engine  *Engine
	c       blob.Container
	clock   int64

	mu     sync.Mutex
	staged map[state.Ino][]byte
	broken map[state.Ino]error
	opens  map[state.Ino]int
}

func newMount(t *testing.T, c blob.Container) *mount {
	t.Helper()
	s := state.Settings{Kind: state.KindMount, Target: "mem", Compression: compression.None, PreserveHardlinks: true,
		DirMgrCount: clfs.DefaultDirMgrCount, ContainerID: 0x1234567, FSID: 99,
		BucketUUID: "33333333-3333-4333-8333-333333333333", MassUUID: "11111111-1111-4111-8111-111111111111",
		WipeUUID: "22222222-2222-4222-8222-222222222222", Key: clfs.Key{1, 2, 3}}
	m := &mount{t: t, dir: filepath.Join(t.TempDir(), "state"), c: c, clock: 1e18,
		staged: map[state.Ino][]byte{}, broken: map[state.Ino]error{}, opens: map[state.Ino]int{}}
	root := state.Attr{Type: clfs.TypeDirectory, Mode: 0o40755, Nlink: 2, Ino: 1, Mtime: m.now(), Ctime: m.clock, Atime: m.clock}
	j, err := state.Create(m.dir, s, root)
	m.check(err)
	m.use(j)
	t.Cleanup(func() { m.journal.Close() })
	return m
}

// use makes a new engine on a journal, as a process does that starts.
func (m *mount) use(j *state.Journal) {
	m.t.Helper()
	m.journal = j
	e, err := New(j, m.c, Options{Live: true, Concurrency: 4, Memory: MinMemory}, Events{})
	m.check(err)
	m.engine = e
}

// restart is the death of a process and the start of another one.
func (m *mount) restart() {
	m.t.Helper()
	m.check(m.journal.Close())
	j, err := state.Open(m.dir)
	m.check(err)
	_, err = j.Recover(m.t.Context(), false, func(state.Ino) (int64, int64, bool) { return 0, 0, false })
	m.check(err)
	m.use(j)
}

func (m *mount) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *mount) now() int64 {
	m.clock += 1e6
	return m.clock
}

func (m *mount) lookup(p string) state.Node {
	m.t.Helper()
	n, err := m.journal.Node(m.t.Context(), state.RootIno)
	m.check(err)
	for name := range strings.SplitSeq(p, "/") {
		if name == "" || name == "." {
			continue
		}
		n, err = m.journal.Lookup(m.t.Context(), n.Ino, []byte(name))
		if err != nil {
			m.t.Fatalf("%s: %v", p, err)
		}
	}
	return n
}

func (m *mount) parent(p string) (state.Ino, []byte) {
	m.t.Helper()
	return m.lookup(path.Dir(p)).Ino, []byte(path.Base(p))
}

func (m *mount) add(p string, typ clfs.Type, target string) state.Node {
	m.t.Helper()
	dir, name := m.parent(p)
	now := m.now()
	a := state.Attr{Type: typ, Mode: typ.ModeBits() | 0o644, UID: 7, GID: 8, Mtime: now, Ctime: now, Atime: now, Size: int64(len(target))}
	n, err := m.journal.Add(m.t.Context(), state.Addition{Dir: dir, Name: name, Attr: a, Target: []byte(target)})
	m.check(err)
	return n
}

func (m *mount) mkdir(list ...string) {
	m.t.Helper()
	for _, p := range list {
		m.add(p, clfs.TypeDirectory, "")
	}
}

// write makes a file of a size, whose contents are those of a seed.
func (m *mount) write(p string, size, seed int64) state.Node {
	m.t.Helper()
	n := m.add(p, clfs.TypeRegular, "")
	data := make([]byte, size)
	fill(data, seed, 0)
	m.pwrite(n.Ino, data, 0)
	return m.closeFile(n.Ino)
}

// open begins to write to a file, and closeFile ends it.
func (m *mount) open(ino state.Ino) {
	m.t.Helper()
	_, err := m.journal.BeginWrite(m.t.Context(), ino)
	m.check(err)
}

func (m *mount) pwrite(ino state.Ino, data []byte, offset int64) {
	m.t.Helper()
	m.open(ino)
	var blocks []uint64
	for b := state.Blocks(offset+1) - 1; b < state.Blocks(offset+int64(len(data))); b++ {
		blocks = append(blocks, b)
	}
	if len(data) > 0 {
		m.check(m.journal.DirtyBlocks(m.t.Context(), ino, blocks))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.staged[ino]
	grown := make([]byte, max(int64(len(old)), offset+int64(len(data))))
	copy(grown, old)
	copy(grown[offset:], data)
	m.staged[ino] = grown
}

func (m *mount) closeFile(ino state.Ino) state.Node {
	m.t.Helper()
	m.mu.Lock()
	size := int64(len(m.staged[ino]))
	m.mu.Unlock()
	now := m.now()
	n, err := m.journal.EndWrite(m.t.Context(), ino, state.Written{Size: size, Mtime: now, Ctime: now})
	m.check(err)
	return n
}

func (m *mount) rewrite(p string, data []byte, offset int64) {
	m.t.Helper()
	ino := m.lookup(p).Ino
	m.pwrite(ino, data, offset)
	m.closeFile(ino)
}

func (m *mount) truncate(p string, size int64) {
	m.t.Helper()
	ino := m.lookup(p).Ino
	m.open(ino)
	_, err := m.journal.Truncate(m.t.Context(), ino, size, m.now())
	m.check(err)
	m.mu.Lock()
	grown := make([]byte, size)
	copy(grown, m.staged[ino])
	m.staged[ino] = grown
	m.mu.Unlock()
	m.closeFile(ino)
}

func (m *mount) rename(from, to string) {
	m.t.Helper()
	dir, name := m.parent(from)
	toDir, toName := m.parent(to)
	_, _, err := m.journal.Rename(m.t.Context(), state.Rename{From: dir, Name: name, To: toDir, NewName: toName, Now: m.now(), InUse: unused2})
	m.check(err)
}

func unused2(state.Ino) bool { return false }

func (m *mount) link(from, to string) {
	m.t.Helper()
	dir, name := m.parent(to)
	_, err := m.journal.Link(m.t.Context(), m.lookup(from).Ino, dir, name, m.now())
	m.check(err)
}

func (m *mount) unlink(p string) {
	m.t.Helper()
	dir, name := m.parent(p)
	_, err := m.journal.Unlink(m.t.Context(), dir, name, m.now(), unused2)
	m.check(err)
}

func (m *mount) rmdir(p string) {
	m.t.Helper()
	dir, name := m.parent(p)
	_, err := m.journal.Rmdir(m.t.Context(), dir, name, m.now(), unused2)
	m.check(err)
}

func (m *mount) chmod(p string, mode uint32) {
	m.t.Helper()
	n := m.lookup(p)
	mode |= n.Attr.Type.ModeBits()
	_, err := m.journal.SetAttr(m.t.Context(), n.Ino, state.Change{Mode: &mode, Ctime: m.now()})
	m.check(err)
}

// Open implements Source.
func (m *mount) Open(row state.Node, _ string) (File, error) {
	ino := row.Ino
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opens[ino]++
	if err := m.broken[ino]; err != nil {
		return nil, err
	}
	data, ok := m.staged[ino]
	if !ok {
		return nil, unix.ENOENT
	}
	return stagedBytes{bytes.NewReader(data)}, nil
}

type stagedBytes struct{ *bytes.Reader }

func (stagedBytes) Close() error { return nil }

var _ io.ReaderAt = stagedBytes{}

// settle queues everything that is closed.
func (m *mount) settle() {
	m.t.Helper()
	page, err := m.journal.Unsettled(m.t.Context(), 0, 10000)
	m.check(err)
	var list []state.Settled
	for _, n := range page {
		list = append(list, state.Settled{Ino: n.Ino, Seq: n.Seq})
	}
	m.check(m.journal.Settle(m.t.Context(), list))
}

var errEnough = errors.New("enough")

// upload settles everything and returns when it is uploaded.
func (m *mount) upload() error {
	m.t.Helper()
	m.settle()
	return m.running(func(ctx context.Context) error {
		return m.engine.WaitUploaded(ctx, m.journal.Seq())
	})
}

// running calls fn while the engine uploads.
func (m *mount) running(fn func(context.Context) error) error {
	m.t.Helper()
	if err := m.engine.Begin(m.t.Context()); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(m.t.Context())
	ended := make(chan error, 1)
	go func() {
		err := m.engine.Upload(ctx, m, nil)
		ended <- err
		cancel(err)
	}()
	err := fn(ctx)
	cancel(errEnough)
	if run := <-ended; !errors.Is(run, errEnough) {
		return run
	}
	return err
}

func (m *mount) mustUpload() {
	m.t.Helper()
	m.check(m.upload())
	unused(m.t, m.engine)
}

func (m *mount) mustPublish() publish.Report {
	m.t.Helper()
	m.mustUpload()
	r, err := m.engine.PublishMount(m.t.Context())
	m.check(err)
	unused(m.t, m.engine)
	return r
}

// oneAtATime has the engine make one request at a time.
func (m *mount) oneAtATime() {
	m.engine.options.Concurrency = 1
	m.engine.publisher.Concurrency = 1
	m.engine.collector.Concurrency = 1
}
