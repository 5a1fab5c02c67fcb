package readonly

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
)

var (
	fileA = handleID(2001, clfs.TypeRegular)
	fileB = handleID(2002, clfs.TypeRegular)
	dirD  = handleID(2003, clfs.TypeDirectory)
)

// follow shows a container and later publications to it. Rounds end with endRound only.
func follow(t *testing.T, c *fakeContainer) *kernel {
	t.Helper()
	return showWith(t, c, Options{Follow: time.Hour})
}

func (k *kernel) endRound() {
	k.fs.rounds.mu.Lock()
	defer k.fs.rounds.mu.Unlock()
	k.fs.rounds.now.until = time.Time{}
}

func oneFile(contents string) *fakeContainer {
	return &fakeContainer{nodes: map[clfs.ID]*fakeNode{
		clfs.RootID: fakeDirectory(entry{"f", fileA}), fileA: fakeFile([]byte(contents))}}
}

func (k *kernel) mustFind(parent uint64, name string) fuse.EntryOut {
	k.t.Helper()
	out, status := k.lookup(parent, name)
	if status != fuse.OK {
		k.t.Fatalf("look up %s: %v", name, status)
	}
	return out
}

// read opens a file and reads it whole.
func (k *kernel) read(node uint64) (string, fuse.Status) {
	k.t.Helper()
	fh, status := k.openNode(node)
	if status != fuse.OK {
		return "", status
	}
	return k.readOpen(node, fh)
}

func (k *kernel) openNode(node uint64) (fh uint64, status fuse.Status) {
	var out fuse.OpenOut
	status = k.raw.Open(nil, &fuse.OpenIn{InHeader: fuse.InHeader{NodeId: node}}, &out)
	return out.Fh, status
}

func (k *kernel) readOpen(node, fh uint64) (string, fuse.Status) {
	buf := make([]byte, 1<<16)
	res, status := k.raw.Read(nil, &fuse.ReadIn{InHeader: fuse.InHeader{NodeId: node}, Fh: fh, Size: uint32(len(buf))}, buf)
	if status != fuse.OK {
		return "", status
	}
	data, status := res.Bytes(buf)
	return string(data), status
}

func TestAPublicationIsShownInTheNextRoundAndNotBefore(t *testing.T) {
	c := oneFile("old")
	k := follow(t, c)
	before := k.mustFind(rootNode, "f")
	c.put(fileA, fakeFile([]byte("newer")))
	if again := k.mustFind(rootNode, "f"); again.NodeId != before.NodeId || again.Size != 3 {
		t.Errorf("in the same round: node %d of %d bytes", again.NodeId, again.Size)
	}
	k.endRound()
	after := k.mustFind(rootNode, "f")
	if after.NodeId == before.NodeId || after.Ino != before.Ino || after.Generation == before.Generation || after.Size != 5 {
		t.Errorf("the new version is %+v, the old one was %+v", after, before)
	}
	if text, status := k.read(after.NodeId); text != "newer" {
		t.Errorf("reads %q, %v", text, status)
	}
	if _, status := k.openNode(before.NodeId); status != fuse.Status(fakeErrno(ErrStale)) {
		t.Errorf("opening the old version: %v", status)
	}
}

func TestNamesAppearAndDisappear(t *testing.T) {
	c := oneFile("f")
	k := follow(t, c)
	if _, status := k.lookup(rootNode, "g"); status != fuse.ENOENT {
		t.Fatal(status)
	}
	c.put(fileB, fakeFile([]byte("g")))
	c.put(clfs.RootID, fakeDirectory(entry{"g", fileB}))
	c.put(fileA, nil)
	k.endRound()
	k.mustFind(rootNode, "g")
	if _, status := k.lookup(rootNode, "f"); status != fuse.ENOENT {
		t.Errorf("the removed file: %v", status)
	}
	if names := k.listed(rootNode); fmt.Sprint(names) != "[. .. g]" {
		t.Errorf("the root has %q", names)
	}
}

// What a round costs if nothing changes: one request if the publication is over, and
// otherwise one for each inode that is used.
func TestARoundWithoutAChangeReadsNothingAgain(t *testing.T) {
	for _, over := range []bool{true, false} {
		c := oneFile("f")
		c.publishes(Publication{"one", over})
		k := follow(t, c)
		k.mustFind(rootNode, "f")
		reads, looks := c.reads.Load(), c.looks.Load()
		k.endRound()
		for range 5 {
			k.mustFind(rootNode, "f")
		}
		want := int64(2)
		if over {
			want = 0
		}
		if c.reads.Load() != reads || c.looks.Load() != looks+1 || c.renews.Load() != want {
			t.Errorf("over %t: %d reads, %d looks, %d renewals", over, c.reads.Load()-reads, c.looks.Load()-looks, c.renews.Load())
		}
	}
}

func TestTheNextPublicationHasAllLookedAtAgain(t *testing.T) {
	c := oneFile("old")
	c.publishes(Publication{"one", true})
	k := follow(t, c)
	k.mustFind(rootNode, "f")
	for n, p := range []Publication{{"one", true}, {"two", false}, {"two", true}, {"two", true}, {"three", true}} {
		changes := n != 0 && n != 3
		if changes {
			c.put(fileA, fakeFile(make([]byte, 10+n)))
		}
		c.publishes(p)
		k.endRound()
		renews := c.renews.Load()
		out := k.mustFind(rootNode, "f")
		if changes && out.Size != uint64(10+n) || changes != (c.renews.Load() > renews) {
			t.Errorf("publication %v: %d bytes, %d renewals", p, out.Size, c.renews.Load()-renews)
		}
	}
}

func TestAnOpenFileKeepsItsVersionAndThenIsStale(t *testing.T) {
	first, second := strings.Repeat("1", 2500), strings.Repeat("2", 2500)
	c := oneFile(first)
	k := follow(t, c)
	before := k.mustFind(rootNode, "f")
	whole, _ := k.openNode(before.NodeId)
	if text, status := k.readOpen(before.NodeId, whole); text != first {
		t.Fatalf("%d bytes, %v", len(text), status)
	}
	c.put(fileA, fakeFile([]byte(second)))
	k.endRound()
	after := k.mustFind(rootNode, "f")
	if text, status := k.read(after.NodeId); text != second {
		t.Errorf("the new version: %d bytes, %v", len(text), status)
	}
	if text, status := k.readOpen(before.NodeId, whole); text != first {
		t.Errorf("the old version, which is at hand: %d bytes, %v", len(text), status)
	}
	for n := range uint64(10) {
		k.fs.chunks.Drop(blockKey{versionKey{fileA, 0}, n}, func([]byte) bool { return true })
	}
	for range 3 {
		if text, status := k.readOpen(before.NodeId, whole); status != fuse.Status(fakeErrno(ErrStale)) {
			t.Errorf("the old version, which is deleted: %d bytes, %v", len(text), status)
		}
	}
	if n := strings.Count(k.log.String(), "\n"); n != 1 || !strings.Contains(k.log.String(), "path=/f") {
		t.Errorf("log %s", k.log.String())
	}
	var out fuse.AttrOut
	if k.raw.GetAttr(nil, &fuse.GetAttrIn{InHeader: fuse.InHeader{NodeId: before.NodeId}}, &out); out.Size != 2500 || out.Ino != before.Ino {
		t.Errorf("the old version has attributes %+v", out.Attr)
	}
}

// A name that leads to an inode which is gone is looked up again, in the same round.
func TestAnEntryThatAPublicationReplacedMeanwhileIsFoundAtOnce(t *testing.T) {
	c := oneFile("old")
	k := follow(t, c)
	if _, status := k.lookup(rootNode, "g"); status != fuse.ENOENT { // the root is known now
		t.Fatal(status)
	}
	c.put(fileB, fakeFile([]byte("other")))
	c.put(clfs.RootID, fakeDirectory(entry{"f", fileB}))
	c.put(fileA, nil)
	if out := k.mustFind(rootNode, "f"); out.Size != 5 {
		t.Errorf("%d bytes", out.Size)
	}
	if k.log.Len() > 0 {
		t.Errorf("log %s", k.log.String())
	}
}

// The collector may delete what a removed directory led to before the directory.
func TestWhatARemovedDirectoryLedToIsStale(t *testing.T) {
	c := &fakeContainer{nodes: map[clfs.ID]*fakeNode{clfs.RootID: fakeDirectory(entry{"d", dirD}), dirD: fakeDirectory(entry{"f", fileA}, entry{"g", fileB}),
		fileA: fakeFile(make([]byte, 500)), fileB: fakeFile(nil)}}
	k := follow(t, c)
	d := k.mustFind(rootNode, "d")
	f := k.mustFind(d.NodeId, "f")
	fh, _ := k.openNode(f.NodeId)
	c.put(clfs.RootID, fakeDirectory(entry{"d", handleID(2004, clfs.TypeDirectory)}))
	c.put(handleID(2004, clfs.TypeDirectory), fakeDirectory(entry{"g", fileA}))
	c.put(fileB, nil)
	c.nodes[fileA].gone.Store(true)
	stale := fuse.Status(fakeErrno(ErrStale))
	if _, status := k.lookup(d.NodeId, "g"); status != stale {
		t.Errorf("a name in a directory that is removed: %v", status)
	}
	if _, status := k.readOpen(f.NodeId, fh); status != stale {
		t.Errorf("an open file in a directory that is removed: %v", status)
	}
	if fresh := k.mustFind(rootNode, "d"); fresh.NodeId == d.NodeId {
		t.Errorf("the root still has the old directory")
	}
}

func TestDamageIsNoStaleFile(t *testing.T) {
	c := &fakeContainer{nodes: map[clfs.ID]*fakeNode{clfs.RootID: fakeDirectory(entry{"f", fileA}, entry{"g", fileB}), fileB: fakeFile(make([]byte, 500))}}
	k := follow(t, c)
	if _, status := k.lookup(rootNode, "f"); status != fuse.EIO {
		t.Errorf("an inode that is missing: %v", status)
	}
	c.nodes[fileB].gone.Store(true)
	out := k.mustFind(rootNode, "g")
	if _, status := k.read(out.NodeId); status != fuse.EIO {
		t.Errorf("a segment that is missing: %v", status)
	}
	if asked := c.reads.Load() + c.renews.Load(); asked > 8 {
		t.Errorf("asked %d times", asked)
	}
}

func TestADirectoryIsReadAgainIfItsBlocksAreReplacedMeanwhile(t *testing.T) {
	c := oneFile("f")
	old := fakeDirectory(entry{"f", fileA})
	old.blocks = map[uint64][]byte{1: packed(entry{"g", fileB})}
	c.put(clfs.RootID, old)
	c.put(fileB, fakeFile([]byte("g")))
	k := follow(t, c)
	fresh := fakeDirectory(entry{"f", fileA})
	fresh.blocks = map[uint64][]byte{1: packed(entry{"h", fileB}), 2: packed(entry{"i", fileB})}
	c.put(clfs.RootID, fresh)
	if names := k.listed(rootNode); fmt.Sprint(names) != "[. .. f h i]" {
		t.Errorf("the root has %q", names)
	}
	k.mustFind(rootNode, "i")
}

func TestAListingIsOfOneVersionOrStale(t *testing.T) {
	c := oneFile("f")
	old := fakeDirectory(entry{"f", fileA})
	old.blocks = map[uint64][]byte{1: packed(entry{"g", fileB})}
	c.put(clfs.RootID, old)
	k := follow(t, c)
	l, err := k.fs.listing(t.Context(), clfs.RootID, 0)
	if err != nil {
		t.Fatal(err)
	}
	stream := &dirStream{dir: &directory{inode: inode{sys: k.fs, id: clfs.RootID}}, list: l}
	k.fs.segments.Drop(l.block(1), func([]byte) bool { return true })
	c.put(clfs.RootID, fakeDirectory(entry{"h", fileA}))
	stream.at = afterDotDot
	if e, errno := stream.Readdirent(t.Context()); errno != 0 || e.Name != "f" {
		t.Fatalf("%v, %v", e, errno)
	}
	if e, errno := stream.Readdirent(t.Context()); errno != fakeErrno(ErrStale) {
		t.Errorf("%v, %v", e, errno)
	}
}

func TestADirectoryStaysTheSameInode(t *testing.T) {
	c := &fakeContainer{nodes: map[clfs.ID]*fakeNode{clfs.RootID: fakeDirectory(entry{"d", dirD}), dirD: fakeDirectory()}}
	k := follow(t, c)
	before := k.mustFind(rootNode, "d")
	changed := fakeDirectory(entry{"f", fileA})
	changed.inode.Attr.Mode = 0o700
	c.put(dirD, changed)
	c.put(fileA, fakeFile(nil))
	k.endRound()
	if after := k.mustFind(rootNode, "d"); after.NodeId != before.NodeId || after.Mode != fuse.S_IFDIR|0o700 {
		t.Errorf("before %+v, now %+v", before, after)
	}
	var out fuse.AttrOut
	if status := k.raw.GetAttr(nil, &fuse.GetAttrIn{InHeader: fuse.InHeader{NodeId: before.NodeId}}, &out); status != fuse.OK || out.Mode&0o777 != 0o700 {
		t.Errorf("attributes %+v, %v", out.Attr, status)
	}
	k.mustFind(before.NodeId, "f")
	c.put(clfs.RootID, fakeDirectory())
	c.put(dirD, nil)
	k.endRound()
	stale := fuse.Status(fakeErrno(ErrStale))
	if _, status := k.lookup(before.NodeId, "f"); status != stale {
		t.Errorf("a name in a directory that is gone: %v", status)
	}
	if status := k.raw.GetAttr(nil, &fuse.GetAttrIn{InHeader: fuse.InHeader{NodeId: before.NodeId}}, &out); status != stale {
		t.Errorf("its attributes: %v", status)
	}
	if _, status := k.lookup(rootNode, "d"); status != fuse.ENOENT {
		t.Errorf("its name: %v", status)
	}
}

func TestAllNamesOfAFileLeadToOneVersion(t *testing.T) {
	c := &fakeContainer{nodes: map[clfs.ID]*fakeNode{clfs.RootID: fakeDirectory(entry{"f", fileA}, entry{"g", fileA}), fileA: fakeFile([]byte("1"))}}
	k := follow(t, c)
	k.mustFind(rootNode, "f")
	c.put(fileA, fakeFile([]byte("22")))
	k.endRound()
	f, g := k.mustFind(rootNode, "f"), k.mustFind(rootNode, "g")
	if f.NodeId != g.NodeId || f.Size != 2 {
		t.Errorf("%+v and %+v", f, g)
	}
}

func TestARoundDoesNotBeginWithoutAnAnswer(t *testing.T) {
	c := oneFile("f")
	k := follow(t, c)
	k.mustFind(rootNode, "f")
	k.endRound()
	look := k.fs.rounds.look
	k.fs.rounds.look = func(context.Context) (Publication, error) { return Publication{}, errors.New("no answer") }
	if _, status := k.lookup(rootNode, "f"); status != fuse.EIO {
		t.Errorf("without an answer: %v", status)
	}
	k.fs.rounds.look = look
	k.mustFind(rootNode, "f")
}

// signed contents tell which version they are, so that a mixture of two is noticed.
func signed(random *rand.Rand, version uint64) []byte {
	body := make([]byte, 8, 16+random.IntN(4000))
	binary.LittleEndian.PutUint64(body, version)
	for len(body) < cap(body)-8 {
		body = append(body, byte(version), byte(random.Uint32()))
	}
	return binary.LittleEndian.AppendUint32(body, crc32.ChecksumIEEE(body))
}

func isSigned(data string) bool {
	if len(data) < 12 {
		return false
	}
	body, sum := []byte(data[:len(data)-4]), data[len(data)-4:]
	return bytes.Equal(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(body)), []byte(sum))
}

func TestReadersDuringPublicationsGetWholeVersionsOrStale(t *testing.T) {
	c := oneFile("")
	random := rand.New(rand.NewPCG(1, 1))
	c.put(fileA, fakeFile(signed(random, 0)))
	k := showWith(t, c, Options{Follow: 11 * time.Millisecond}) // rounds of 1 ms
	stop := make(chan struct{})
	var publisher, readers sync.WaitGroup
	publisher.Go(func() {
		for version := uint64(1); ; version++ {
			select {
			case <-stop:
				return
			default:
			}
			c.put(fileA, fakeFile(signed(random, version)))
			id := handleID(3000+version, clfs.TypeRegular)
			c.put(id, fakeFile(signed(random, version)))
			root := fakeDirectory(entry{"f", fileA})
			root.blocks = map[uint64][]byte{1: packed(entry{"g", id})}
			c.put(clfs.RootID, root)
			c.put(handleID(2999+version, clfs.TypeRegular), nil)
		}
	})
	stale := fuse.Status(fakeErrno(ErrStale))
	for range 4 {
		readers.Go(func() {
			for n := range 2000 {
				out, status := k.lookup(rootNode, []string{"f", "g"}[n%2])
				if status == stale || status == fuse.ENOENT {
					continue
				}
				if status != fuse.OK {
					t.Errorf("lookup: %v", status)
					return
				}
				if text, status := k.read(out.NodeId); status != stale && (status != fuse.OK || !isSigned(text)) {
					t.Errorf("read %d bytes, %v", len(text), status)
					return
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	publisher.Wait()
	if strings.Contains(k.log.String(), "level=ERROR") {
		t.Errorf("log %s", k.log.String()[:2000])
	}
}
