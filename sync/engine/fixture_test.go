package engine

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"path/filepath"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/blob/mem"
	"clfsload/sync/tree"
	"clfsload/sync/tree/verify"
)

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// fixture is a journal with a source that has its files.
type fixture struct {
	t       *testing.T
	journal *state.Journal
	source  fakeSource
	dirs    map[string]state.Inode
	next    uint64 // st_ino
}

func newFixture(t *testing.T, method compression.Method) *fixture {
	t.Helper()
	s := state.Settings{Source: "/source", Target: "mem", Compression: method, PreserveHardlinks: true,
		DirMgrCount: clfs.DefaultDirMgrCount, ContainerID: 0x1234567, FSID: 99, RootName: "source",
		BucketUUID: "33333333-3333-4333-8333-333333333333", MassUUID: "11111111-1111-4111-8111-111111111111",
		WipeUUID: "22222222-2222-4222-8222-222222222222", Key: clfs.Key{1, 2, 3}}
	f := &fixture{t: t, source: fakeSource{}, dirs: map[string]state.Inode{}, next: 100}
	j, err := state.Create(filepath.Join(t.TempDir(), "state"), s, f.attr(clfs.TypeDirectory, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	f.journal = j
	f.dirs["."] = f.inode(state.RootIno)
	return f
}

func (f *fixture) inode(ino state.Ino) state.Inode {
	f.t.Helper()
	in, err := f.journal.Inode(f.t.Context(), ino)
	if err != nil {
		f.t.Fatal(err)
	}
	return in
}

func (f *fixture) attr(typ clfs.Type, size int64) state.Attr {
	f.next++
	return state.Attr{Type: typ, Mode: typ.ModeBits() | modes[typ], UID: 7, GID: 8, Size: size,
		Mtime: 1e18, Ctime: 1e18 + 1, Atime: 1e18 + 2, Dev: 1, Ino: f.next, Nlink: 1}
}

// add commits entries of a directory.
func (f *fixture) add(dir string, entries ...state.Entry) {
	f.t.Helper()
	if err := f.journal.AddEntries(f.t.Context(), f.dirs[dir], entries, false); err != nil {
		f.t.Fatal(err)
	}
}

// dir adds a directory.
func (f *fixture) dir(p string) {
	f.t.Helper()
	f.add(path.Dir(p), state.Entry{Name: []byte(path.Base(p)), Attr: f.attr(clfs.TypeDirectory, 4096)})
	f.dirs[p] = f.inode(state.Ino(clfs.FirstSequence + f.journal.Totals().FoundInodes - 1))
}

// file adds a regular file.
func (f *fixture) file(p string, size int64) *fakeFile {
	f.t.Helper()
	file := &fakeFile{attr: f.attr(clfs.TypeRegular, size), seed: int64(f.next)}
	f.source[p] = file
	f.add(path.Dir(p), state.Entry{Name: []byte(path.Base(p)), Attr: file.attr})
	return file
}

// scanned ends the listing of all directories, as a scanner does.
func (f *fixture) scanned() {
	f.t.Helper()
	for _, dir := range f.dirs {
		if err := f.journal.AddEntries(f.t.Context(), dir, nil, true); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := f.journal.ReleaseLinks(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) engine(c blob.Container, concurrency int) *Engine {
	f.t.Helper()
	e, err := New(f.journal, c, Options{Concurrency: concurrency, Memory: MinMemory}, Events{})
	if err != nil {
		f.t.Fatal(err)
	}
	return e
}

// load does all that is left of a transfer with a new engine, as a process does.
func (f *fixture) load(ctx context.Context, c blob.Container) error {
	f.t.Helper()
	e := f.engine(c, 4)
	err := runAll(ctx, e, f.source)
	unused(f.t, e)
	return err
}

func runAll(ctx context.Context, e *Engine, s Source) error {
	if err := e.Begin(ctx); err != nil {
		return err
	}
	if err := e.Upload(ctx, s, closed); err != nil {
		return err
	}
	return e.Publish(ctx, false)
}

func (f *fixture) mustLoad(c blob.Container) {
	f.t.Helper()
	if err := f.load(f.t.Context(), c); err != nil {
		f.t.Fatal(err)
	}
}

// sound holds a container to the format, and each file to its source.
func (f *fixture) sound(c blob.Container) {
	f.t.Helper()
	tr := tree.New(c, tree.Options{TempDir: f.t.TempDir()})
	defer tr.Close()
	report, err := verify.Run(f.t.Context(), tr, verify.Options{Found: func(found verify.Finding) {
		if found.Severity == verify.Damage {
			f.t.Errorf("verify: %s", found)
		}
	}})
	if err != nil || report.Blobs == 0 {
		f.t.Fatalf("verify: %v, %d blobs", err, report.Blobs)
	}
	for p, file := range f.source {
		node, err := tr.Lookup(f.t.Context(), "/"+p)
		if err != nil {
			f.t.Fatal(err)
		}
		got := make([]byte, node.Inode.Attr.Size)
		if n, err := tr.ReadAt(f.t.Context(), node, got, 0); n != len(got) {
			f.t.Fatalf("read %s: %d bytes, %v", p, n, err)
		}
		want := make([]byte, file.attr.Size)
		fill(want, file.seed, 0)
		if !bytes.Equal(got, want) {
			f.t.Errorf("%s: its %d bytes are not the source's %d", p, len(got), len(want))
		}
	}
}

// blobs returns a container's blobs.
func blobSet(t *testing.T, c *mem.Container) map[string]string {
	t.Helper()
	all := map[string]string{}
	for info, err := range blob.All(t.Context(), c, "") {
		if err != nil {
			t.Fatal(err)
		}
		o, err := c.Get(t.Context(), info.Name, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		all[info.Name] = string(o.Data)
	}
	return all
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	if err := difference(got, want); err != nil {
		t.Error(err)
	}
}

func difference(got, want map[string]string) error {
	for name, data := range want {
		if name == bucketBlobName && withoutMark(got[name]) == withoutMark(data) {
			continue // the id of a mark is drawn
		}
		if got[name] != data {
			return fmt.Errorf("blob %s is missing or another one", name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			return fmt.Errorf("blob %s is too many", name)
		}
	}
	return nil
}

// symlink is an entry for a symbolic link.
func (f *fixture) symlink(name, target string) state.Entry {
	return state.Entry{Name: []byte(name), Attr: f.attr(clfs.TypeSymlink, int64(len(target))), Target: []byte(target)}
}

// hardlinks adds names of one file to a directory.
func (f *fixture) hardlinks(dir string, names ...string) *fakeFile {
	f.t.Helper()
	file := &fakeFile{attr: f.attr(clfs.TypeRegular, 20), seed: int64(f.next)}
	file.attr.Nlink = uint64(len(names))
	for _, name := range names {
		f.source[path.Join(dir, name)] = file
		f.add(dir, state.Entry{Name: []byte(name), Attr: file.attr})
	}
	return file
}

// wide adds a directory with n fifos of names of 200 bytes.
func (f *fixture) wide(p string, n int) {
	f.t.Helper()
	f.dir(p)
	var list []state.Entry
	for i := range n {
		list = append(list, state.Entry{Name: fmt.Appendf(nil, "%0200d", i), Attr: f.attr(clfs.TypeFIFO, 0)})
	}
	f.add(p, list...)
}

// newBlockPlan is the plan of a file whose blocks have these rows.
func newBlockPlan(n state.Node, rows []state.Block) blockPlan {
	return blockPlan{node: &n, count: state.Blocks(n.Attr.Size), rows: blockRows{page: rows, to: endOfRows}}
}
