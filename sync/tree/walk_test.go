package tree_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"sync"
	"sync/atomic"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
	"clfsload/sync/tree/treetest"
)

// flipped is a container that changes a bit of what it returns.
type flipped struct{ blob.Container }

func (f flipped) Get(ctx context.Context, name string, offset, length int64) (blob.Object, error) {
	o, err := f.Container.Get(ctx, name, offset, length)
	if len(o.Data) > 20 {
		o.Data[20] ^= 1
	}
	return o, err
}

// More directories wait than are kept in memory.
func TestAWalkVisitsEverythingOnce(t *testing.T) {
	b := treetest.New(t)
	want := map[string]bool{}
	for i := range 2000 {
		d := b.Root.Dir(fmt.Sprintf("dir-%d", i))
		d.File("file", nil)
		d.Dir("sub")
		for _, p := range []string{"", "/file", "/sub"} {
			want[fmt.Sprintf("/dir-%d%s", i, p)] = true
		}
	}
	tr := open(t, b.Finish())
	if _, err := tr.BuildIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	entered, left := map[string]int{}, map[string]int{}
	visited := map[string]int{}
	count := func(m map[string]int, p string) {
		mu.Lock()
		defer mu.Unlock()
		m[p]++
	}
	err := tr.Walk(t.Context(), lookup(t, tr, "/"), "/", tree.Visitor{
		Enter: func(_ context.Context, d *tree.Dir) (bool, error) { count(entered, d.Path); return true, nil },
		Leave: func(_ context.Context, d *tree.Dir) error { count(left, d.Path); return nil },
		Entry: func(_ context.Context, v tree.Visited) error { count(visited, v.Path()); return v.Err },
	})
	if err != nil || len(visited) != len(want) || len(entered) != 4001 || len(left) != 4001 {
		t.Fatalf("%d visited, %d entered, %d left, %v", len(visited), len(entered), len(left), err)
	}
	for _, m := range []map[string]int{visited, entered, left} {
		for p, n := range m {
			if n != 1 || p != "/" && !want[p] {
				t.Errorf("%s: %d times", p, n)
			}
		}
	}
}

func TestAWalkGoesAsDeepAsTheTree(t *testing.T) {
	b := treetest.New(t)
	d := b.Root
	const depth = 3000
	for range depth {
		d = d.Dir("d")
	}
	tr := open(t, b.Finish())
	var deepest atomic.Int64
	err := tr.Walk(t.Context(), lookup(t, tr, "/"), "/", tree.Visitor{Entry: func(_ context.Context, v tree.Visited) error {
		deepest.Store(max(deepest.Load(), int64(len(v.Path()))))
		return v.Err
	}})
	if err != nil || deepest.Load() != 2*depth {
		t.Errorf("the deepest path has %d bytes, %v", deepest.Load(), err)
	}
}

func TestALoopEndsTheWalkWithItsName(t *testing.T) {
	b := treetest.New(t)
	a := b.Root.Dir("a")
	inner := a.Dir("b")
	inner.Entry("up", a.ID)
	inner.Entry("root", clfs.RootID)
	tr := open(t, b.Finish())
	var loops atomic.Int64
	err := tr.Walk(t.Context(), lookup(t, tr, "/"), "/", tree.Visitor{Entry: func(_ context.Context, v tree.Visited) error {
		var d *tree.Damage
		if errors.As(v.Err, &d) && d.Kind == tree.KindLoop && path.Dir(v.Path()) == "/a/b" {
			loops.Add(1)
			return nil
		}
		return v.Err
	}})
	if err != nil || loops.Load() != 2 {
		t.Errorf("%d loops, %v", loops.Load(), err)
	}
}

// Each of 30 directories holds the next one twice: 2^30 paths.
func TestDirectoriesThatShareOthersDoNotMultiply(t *testing.T) {
	b := treetest.New(t)
	d := b.Root
	for range 30 {
		next := d.Dir("one")
		d.Entry("two", next.ID)
		d = next
	}
	tr := open(t, b.Finish())
	var visited atomic.Int64
	err := tr.Walk(t.Context(), lookup(t, tr, "/"), "/", tree.Visitor{Entry: func(context.Context, tree.Visited) error {
		visited.Add(1)
		return nil
	}})
	if err != nil || visited.Load() != 60 {
		t.Errorf("%d visited, %v", visited.Load(), err)
	}
}

func TestAWalkSkipsWhatItIsToldTo(t *testing.T) {
	b := treetest.New(t)
	b.Root.Dir("skip").File("inside", nil)
	b.Root.Dir("enter").File("inside", nil)
	tr := open(t, b.Finish())
	err := tr.Walk(t.Context(), lookup(t, tr, "/"), "/", tree.Visitor{Entry: func(_ context.Context, v tree.Visited) error {
		if v.Path() == "/skip/inside" {
			t.Error("the directory was entered")
		}
		if v.Name == "skip" {
			return tree.SkipDir
		}
		return nil
	}})
	if err != nil {
		t.Error(err)
	}
}

func TestAnErrorEndsTheWalk(t *testing.T) {
	b := treetest.New(t)
	for i := range 50 {
		b.Root.Dir(fmt.Sprint(i)).File("file", nil)
	}
	tr := open(t, b.Finish())
	enough := errors.New("enough")
	for _, v := range []tree.Visitor{
		{Enter: func(context.Context, *tree.Dir) (bool, error) { return false, enough }},
		{Entry: func(context.Context, tree.Visited) error { return enough }},
		{Leave: func(context.Context, *tree.Dir) error { return enough }},
		{Dirent: func(*tree.Dir, tree.DirSegment, object.Dirent) error { return enough }},
	} {
		if err := tr.Walk(t.Context(), lookup(t, tr, "/"), "/", v); !errors.Is(err, enough) {
			t.Errorf("got %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := tr.Walk(ctx, lookup(t, tr, "/"), "/", tree.Visitor{Entry: func(context.Context, tree.Visited) error {
		cancel()
		return nil
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancel: %v", err)
	}
}

func TestALostPartOfADirectoryIsToldAndTheRestVisited(t *testing.T) {
	b := treetest.New(t)
	f := b.Root.File("first", nil)
	for i := range 20000 {
		b.Root.Entry(fmt.Sprintf("entry-%05d", i), f.ID)
	}
	b.Finish()
	b.Delete(b.Root.SegmentBlob(0))
	tr := open(t, b)
	var visited, lost atomic.Int64
	err := tr.Walk(t.Context(), lookup(t, tr, "/"), "/", tree.Visitor{
		Entry: func(context.Context, tree.Visited) error { visited.Add(1); return nil },
		Lost:  func(*tree.Dir, error) error { lost.Add(1); return nil },
	})
	if err != nil || lost.Load() != 1 || visited.Load() < 10000 || visited.Load() > 19999 {
		t.Errorf("%d lost, %d visited, %v", lost.Load(), visited.Load(), err)
	}
	if err := tr.Walk(t.Context(), lookup(t, tr, "/"), "/", tree.Visitor{}); !errors.Is(err, tree.ErrDamaged) {
		t.Errorf("without Lost: %v", err)
	}
}

// A file whose segments take more than the whole budget is read all the same,
// by many readers at a time.
func TestReadersShareASmallBudget(t *testing.T) {
	b := treetest.New(t)
	content := patterned(clfs.FirstSegmentBytes + 3*clfs.SegmentBytes)
	b.Root.File("file", content)
	tr, err := tree.Open(t.Context(), b.Finish().Container, tree.Options{Memory: 1, Requests: 2})
	if err != nil {
		t.Fatal(err)
	}
	n := lookup(t, tr, "file")
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			total := 0
			for r, err := range tr.Runs(t.Context(), n, 0, tree.AllBlocks) {
				if err != nil {
					t.Error(err)
				}
				total += len(r.Data)
			}
			if total != len(content) {
				t.Errorf("%d bytes", total)
			}
		})
	}
	readers.Wait()
}

// The entries of big directories wait for files that wait for memory.
func TestBigDirectoriesDoNotTakeTheMemoryOfTheirFiles(t *testing.T) {
	b := treetest.New(t)
	content := patterned(clfs.FirstSegmentBytes + 100000)
	for i := range 12 {
		d := b.Root.Dir(fmt.Sprint(i))
		f := d.File("file", content)
		for j := range 3800 {
			d.Entry(fmt.Sprintf("entry-%05d-%0200d", j, 0), f.ID)
		}
	}
	tr, err := tree.Open(t.Context(), b.Finish().Container, tree.Options{Memory: 1, Requests: 4, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if _, err := tr.BuildIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = tr.Walk(t.Context(), lookup(t, tr, "/"), "/", tree.Visitor{Entry: func(ctx context.Context, v tree.Visited) error {
		if v.Name != "file" {
			return v.Err
		}
		return tr.WriteTo(ctx, io.Discard, v.Node, 0, tree.AllBlocks)
	}})
	if err != nil {
		t.Error(err)
	}
}
