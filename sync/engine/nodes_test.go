package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/blob/mem"
)

// putsOf counts the blobs that are put, by type.
type putsOf struct {
	spy
	mu    sync.Mutex
	names []string
}

func newPutsOf() *putsOf {
	p := &putsOf{spy: spy{Container: mem.New()}}
	p.after = func(name string, _ []byte) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.names = append(p.names, name)
	}
	return p
}

// take returns how many blobs of each type were put since it was called last.
func (p *putsOf) take(t *testing.T) map[clfs.Type]int {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := map[clfs.Type]int{}
	for _, name := range p.names {
		counts[nameOf(t, name).Type]++
	}
	p.names = nil
	return counts
}

func (m *mount) everything() {
	m.t.Helper()
	m.mkdir("d", "d/e", "empty")
	m.write("small", 5, 1)
	m.write("nothing", 0, 2)
	m.write("d/one", one, 3)
	m.write("d/three", three, 4)
	m.write("d/e/deep", 100, 5)
	m.add("d/link", clfs.TypeSymlink, "../small")
	m.add("d/pipe", clfs.TypeFIFO, "")
	m.add("d/socket", clfs.TypeSocket, "")
	m.add("d/device", clfs.TypeChar, "")
	m.link("small", "d/e/same")
}

func TestAMountOfEveryTypeIsUploadedAndPublished(t *testing.T) {
	m := newMount(t, mem.New())
	m.everything()
	r := m.mustPublish()
	m.sound()
	if r.Directories != 4 || r.LeftOut+r.KeptOld != 0 {
		t.Errorf("report: %+v", r)
	}
	if again := m.mustPublish(); again.Directories+again.Nodes != 0 {
		t.Errorf("a publication without changes: %+v", again)
	}
	m.sound()
}

func TestNothingIsReachableBeforeTheFirstPublication(t *testing.T) {
	m := newMount(t, mem.New())
	m.everything()
	m.mustUpload()
	if got := published(t, m.c); got != nil {
		t.Errorf("there is a root, which leads to %d entries", len(got))
	}
}

func TestOverwritingAPartUploadsThatSegmentAlone(t *testing.T) {
	for _, inPublished := range []bool{false, true} {
		t.Run(fmt.Sprint(inPublished), func(t *testing.T) {
			c := newPutsOf()
			m := newMount(t, c)
			m.write("file", three, 1)
			if inPublished {
				m.mustPublish()
			} else {
				m.mustUpload()
			}
			c.take(t)
			m.rewrite("file", []byte("new bytes"), clfs.FirstSegmentBytes+clfs.SegmentBytes+77)
			m.mustUpload()
			got := c.take(t)
			// The inode of what has a blob waits for the publication, or readers may
			// see it with the segments of later contents.
			if got[clfs.TypeSegment] != 1 || got[clfs.TypeRegular] != 0 {
				t.Errorf("put %v", got)
			}
			m.mustPublish()
			m.sound()
			if got := c.take(t); got[clfs.TypeSegment] != 0 {
				t.Errorf("the publication put %v", got)
			}
		})
	}
}

func TestAChangeOfAttributesUploadsTheInodeAlone(t *testing.T) {
	c := newPutsOf()
	m := newMount(t, c)
	m.write("file", three, 1)
	m.mustUpload()
	c.take(t)
	m.chmod("file", 0o600)
	m.mustUpload()
	if got := c.take(t); len(got) != 1 || got[clfs.TypeRegular] != 1 {
		t.Errorf("put %v", got)
	}
	m.mustPublish()
	m.chmod("file", 0o640)
	c.take(t)
	m.mustUpload()
	if got := c.take(t); len(got) != 0 {
		t.Errorf("put %v although it is published", got)
	}
	m.mustPublish()
	m.sound()
}

func TestFilesThatGrowAndShrinkLeaveNothing(t *testing.T) {
	m := newMount(t, mem.New())
	m.write("a", three, 1)
	m.write("b", 10, 2)
	m.mustPublish()
	m.truncate("a", one)
	m.rewrite("b", []byte("far"), three)
	m.mustPublish()
	m.sound()
	m.truncate("a", 0)
	m.truncate("b", clfs.FirstSegmentBytes)
	m.mustUpload()
	m.truncate("b", three+5)
	m.mustPublish()
	m.sound()
}

// Blocks of a file that is written in order are uploaded while it is open.
func TestFullBlocksOfAnOpenFileAreUploadedEarlyAndNotAgain(t *testing.T) {
	c := newPutsOf()
	m := newMount(t, c)
	n := m.add("file", clfs.TypeRegular, "")
	data := make([]byte, three)
	fill(data, 9, 0)
	m.pwrite(n.Ino, data, 0)
	m.check(m.journal.QueueBlock(t.Context(), n.Ino, 1))
	m.check(m.journal.QueueBlock(t.Context(), n.Ino, 2))
	m.check(m.running(func(ctx context.Context) error {
		for {
			recorded := m.engine.recorded.Wait()
			rows, err := m.journal.BlocksOf(ctx, n.Ino)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(rows, func(b state.Block) bool { return b.State != state.BlockUploaded }) {
				return nil
			}
			select {
			case <-recorded:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}))
	if got := c.take(t); got[clfs.TypeSegment] != 2 || got[clfs.TypeRegular] != 0 {
		t.Errorf("put %v early", got)
	}
	m.closeFile(n.Ino)
	m.mustUpload()
	if got := c.take(t); got[clfs.TypeSegment] != 1 || got[clfs.TypeRegular] != 1 {
		t.Errorf("put %v in the end", got)
	}
	m.mustPublish()
	m.sound()
}

// What is not in staging any more is read back, and stays as it is.
func TestAFileWithoutStagingKeepsItsBlocks(t *testing.T) {
	c := newPutsOf()
	m := newMount(t, c)
	n := m.write("file", three, 1)
	m.mustPublish()
	n = m.lookup("file")
	gone, err := m.journal.Evict(t.Context(), []state.Settled{{Ino: n.Ino, Seq: n.Seq}})
	if err != nil || len(gone) != 1 {
		t.Fatalf("evict: %v, %v", gone, err)
	}
	n = m.lookup("file")
	head, err := m.engine.Head(t.Context(), n)
	if err != nil || string(head) != string(m.staged[n.Ino][:clfs.FirstSegmentBytes]) {
		t.Fatalf("head of %d bytes, %v", len(head), err)
	}
	for block := uint64(1); block < 4; block++ {
		data, err := m.engine.Block(t.Context(), n, block, n.Gen)
		offset, length := state.BlockRange(block)
		if err != nil || string(data) != string(m.staged[n.Ino][offset:min(offset+length, three)]) {
			t.Fatalf("block %d: %d bytes, %v", block, len(data), err)
		}
	}
	// Only block 2 comes back to staging; the rest must not be read there.
	whole := slices.Clone(m.staged[n.Ino])
	offset, length := state.BlockRange(2)
	clear(m.staged[n.Ino][:offset])
	clear(m.staged[n.Ino][offset+length:])
	m.rewrite("file", []byte("changed"), offset+1)
	copy(whole[offset+1:], "changed")
	c.take(t)
	m.mustPublish()
	if got := c.take(t); got[clfs.TypeSegment] != 1 {
		t.Errorf("put %v", got)
	}
	m.staged[n.Ino] = whole
	m.sound()
}

func TestAFileThatCannotBeReadIsTriedAgainAndStaysQueued(t *testing.T) {
	m := newMount(t, mem.New())
	bad := m.write("bad", 10, 1)
	m.write("good", 10, 2)
	m.broken[bad.Ino] = unix.EIO
	if err := m.upload(); !errors.Is(err, ErrNotUploaded) {
		t.Fatalf("upload: %v", err)
	}
	if n := m.lookup("bad"); n.State != state.Queued {
		t.Errorf("state %d", n.State)
	}
	if n := m.lookup("good"); n.State != state.Done {
		t.Errorf("state of the good one %d", n.State)
	}
	failures, err := m.journal.UploadFailures(t.Context(), 10)
	if err != nil || len(failures) != 1 {
		t.Errorf("failures %v, %v", failures, err)
	}
	r, err := m.engine.PublishMount(t.Context())
	if err != nil || r.LeftOut != 1 || r.Behind[0].Path != "bad" {
		t.Errorf("report %+v, %v", r, err)
	}
	m.mu.Lock()
	delete(m.broken, bad.Ino)
	m.mu.Unlock()
	m.engine.resting.End(bad.Ino)
	m.mustPublish()
	m.sound()
	if failures, err = m.journal.UploadFailures(t.Context(), 10); err != nil || len(failures) != 0 {
		t.Errorf("failures %v, %v", failures, err)
	}
}

func TestARunEndsWithTheContainersError(t *testing.T) {
	c := &spy{Container: mem.New()}
	m := newMount(t, c)
	m.write("file", 10, 1)
	c.before = func(name string, _ []byte) error {
		if nameOf(t, name).Type == clfs.TypeRegular {
			return blob.ErrCredentials
		}
		return nil
	}
	if err := m.upload(); !errors.Is(err, blob.ErrCredentials) {
		t.Errorf("upload: %v", err)
	}
	unused(t, m.engine)
	c.before = nil
	m.mustPublish()
	m.sound()
}

// A file that changes while it is uploaded is uploaded again when it has settled.
func TestAFileThatChangesWhileItIsUploadedEndsWithItsLastContents(t *testing.T) {
	c := &spy{Container: mem.New()}
	m := newMount(t, c)
	n := m.write("file", three, 1)
	var once sync.Once
	c.before = func(name string, _ []byte) error {
		if nameOf(t, name).Type == clfs.TypeSegment {
			once.Do(func() { m.rewrite("file", []byte("later"), 20000) })
		}
		return nil
	}
	m.check(m.upload())
	if got := m.lookup("file"); got.State != state.Dirty || got.PutPub != 0 {
		t.Errorf("state %d, put for publication %d", got.State, got.PutPub)
	}
	m.mustPublish()
	m.sound()
	if n.ID != m.lookup("file").ID {
		t.Error("another file")
	}
}

func TestRemovedFilesLeaveNothing(t *testing.T) {
	c := newPutsOf()
	m := newMount(t, c)
	m.everything()
	m.mustUpload()
	m.unlink("d/three")
	m.unlink("d/one")
	m.mustPublish()
	m.sound()
	m.rewrite("d/e/deep", make([]byte, one), 10)
	m.mustUpload()
	m.unlink("d/e/deep")
	m.unlink("d/e/same")
	m.rmdir("d/e")
	m.unlink("d/link")
	m.mustPublish()
	m.sound()
	for _, p := range []string{"d/pipe", "d/socket", "d/device"} {
		m.unlink(p)
	}
	m.rmdir("d")
	m.mustPublish()
	m.sound()
}

// A blob that was put under a name that the journal does not expect would stay behind
// if the process died then.
func TestWhatIsRenamedWhileItIsTakenIsNotPutUnderAnotherDirectory(t *testing.T) {
	c := mem.New()
	m := newMount(t, c)
	m.mkdir("a", "b")
	m.add("b/l", clfs.TypeSymlink, "target")
	m.link("b/l", "a/l")
	m.settle()
	taken := m.lookup("b/l")
	m.rename("b/l", "b/m")
	w := newWorker(m.engine, m, &m.engine.flights[0])
	if back, err := w.backPointers(t.Context(), taken); !errors.Is(err, errStale) {
		t.Errorf("%v, %v", back, err)
	}
	m.mustPublish()
	m.sound()
}
