package state

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// keepImage settles a file and records that it was uploaded, for a publication to
// put its inode.
func keepImage(t *testing.T, j *Journal, ino Ino, image []byte) Node {
	t.Helper()
	n := nodeOf(t, j, ino)
	if err := j.Settle(t.Context(), []Settled{{Ino: ino, Seq: n.Seq}}); err != nil {
		t.Fatal(err)
	}
	u := Upload{Node: nodeOf(t, j, ino), ContentsUploaded: true, Image: image}
	if err := j.RecordUploads(t.Context(), []Upload{u}); err != nil {
		t.Fatal(err)
	}
	return nodeOf(t, j, ino)
}

func evictable(t *testing.T, j *Journal) (inos []Ino) {
	t.Helper()
	list, err := j.Evictable(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range list {
		inos = append(inos, n.Ino)
	}
	return inos
}

func evictNode(t *testing.T, j *Journal, n Node) bool {
	t.Helper()
	gone, err := j.Evict(t.Context(), []Settled{{Ino: n.Ino, Seq: n.Seq}})
	if err != nil {
		t.Fatal(err)
	}
	return len(gone) == 1
}

func TestFilesThatWaitForAPublicationAreEvictedInOrderOfUse(t *testing.T) {
	j := newMount(t)
	f := addNode(t, j, RootIno, "f", regular)
	g := addNode(t, j, RootIno, "g", regular)
	h := addNode(t, j, RootIno, "h", regular)
	for _, n := range []Node{f, g, h} {
		writeTo(t, j, n.Ino, sizeOf(3), 0)
		uploadFile(t, j, n.Ino)
	}
	writeTo(t, j, f.Ino, sizeOf(3), 0, 2)
	if n := nodeOf(t, j, f.Ino); evictNode(t, j, n) {
		t.Error("a file is evicted that is not uploaded")
	}
	f = keepImage(t, j, f.Ino, []byte("image"))
	if f.State != Sealed {
		t.Fatalf("it waits for no publication: %+v", f)
	}
	if got, want := evictable(t, j), []Ino{g.Ino, h.Ino, f.Ino}; !slices.Equal(got, want) {
		t.Fatalf("%d can be evicted, want %d", got, want)
	}
	if !evictNode(t, j, f) {
		t.Fatal("it is not evicted")
	}
	if got, want := evictable(t, j), []Ino{g.Ino, h.Ino}; !slices.Equal(got, want) {
		t.Errorf("%d can be evicted then, want %d", got, want)
	}
	rows, err := j.BlocksOf(t.Context(), f.Ino)
	want := []Block{{Index: 0, Gen: 1, State: BlockRemote}, {Index: 2, Gen: 1, State: BlockRemote}}
	if f = nodeOf(t, j, f.Ino); err != nil || f.Flags&Evicted == 0 || !slices.Equal(rows, want) {
		t.Errorf("rows %v of %+v, %v", rows, f, err)
	}
	if data, err := j.Image(t.Context(), f.Ino); err != nil || !bytes.Equal(data, []byte("image")) {
		t.Errorf("the image is %q, %v", data, err)
	}
}

func TestAttributesOfAnEvictedFileThatWaitsForAPublicationChange(t *testing.T) {
	j := newMount(t)
	f := addNode(t, j, RootIno, "f", regular)
	writeTo(t, j, f.Ino, sizeOf(2), 0)
	uploadFile(t, j, f.Ino)
	writeTo(t, j, f.Ino, sizeOf(2), 1)
	if !evictNode(t, j, keepImage(t, j, f.Ino, []byte("image"))) {
		t.Fatal("it is not evicted")
	}
	mode := uint32(0o100600)
	if _, err := j.SetAttr(t.Context(), f.Ino, Change{Mode: &mode, Ctime: 100}); err != nil {
		t.Fatal(err)
	}
	cut, err := j.Recover(t.Context(), true, func(Ino) (int64, int64, bool) { return 0, 0, false })
	if err != nil || cut != 0 {
		t.Errorf("%d files are cut off, %v", cut, err)
	}
	n := nodeOf(t, j, f.Ino)
	if n.State != Dirty || n.Attr.Mode != mode || !n.ContentsCurrent() || n.Flags&(Evicted|Incomplete) != Evicted {
		t.Errorf("after a power cut: %+v", n)
	}
}

// Between the row of a file and those of its blocks the outcome of an upload may be
// recorded: then a file that is evicted by its row has a new head in staging, of which
// no row tells any more.
func TestALayoutIsThatOfOneMoment(t *testing.T) {
	j := newMount(t)
	f := addNode(t, j, RootIno, "f", regular)
	writeTo(t, j, f.Ino, 10, 0)
	var seen atomic.Int64
	during(func() {
		n, rows, err := j.Layout(t.Context(), f.Ino)
		if err != nil {
			t.Error(err)
		}
		const evictedThenWritten = Content | Evicted
		if n.Flags&(evictedThenWritten|Opened) != evictedThenWritten {
			return
		}
		seen.Add(1)
		if len(rows) != 1 || rows[0].State == BlockRemote {
			t.Errorf("the new head is nowhere: blocks %v of %+v", rows, n)
		}
	}, func() {
		for range 300 {
			if !evictNode(t, j, uploadFile(t, j, f.Ino)) {
				t.Fatal("it is not evicted")
			}
			writeTo(t, j, f.Ino, 10, 0)
		}
	})
	if seen.Load() == 0 {
		t.Error("the file was never seen between its change and its upload")
	}
}

// during calls look again and again while change runs.
func during(look, change func()) {
	changed := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-changed:
				return
			default:
				look()
			}
		}
	})
	defer looking.Wait()
	defer close(changed)
	change()
}
