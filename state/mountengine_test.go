package state

import (
	"fmt"
	"maps"
	"slices"

	"clfsload/clfs"
	"clfsload/state/contents"
	"clfsload/state/schema"
)

// engine is a container, and what is on its way there.
type engine struct {
	blobs   map[string]blob
	deleted map[string]bool
	images  map[string]*payload
	jobs    map[Ino]*job
	early   map[contents.BlockOf]BlockOutcome // put, and not recorded yet
	pub     *publication
}

// blob is a segment or an inode.
type blob struct {
	tag   int
	inode *payload
}

// payload is an inode as a reader finds it.
type payload struct {
	size     int64
	name     string
	head     int               // tag of block 0
	segments map[string]int    // blobs of its segments, with the tags that they should have
	order    []string          // the segments of a file, by index
	children map[string]string // of a directory: name to id
}

// job is a node that was taken from the queue.
type job struct {
	node   Node
	next   uint64 // block
	upload *Upload
}

func newEngine() engine {
	return engine{blobs: map[string]blob{}, deleted: map[string]bool{}, images: map[string]*payload{},
		jobs: map[Ino]*job{}, early: map[contents.BlockOf]BlockOutcome{}}
}

func (w *mountWalk) put(name string, b blob) {
	w.t.Helper()
	if w.deleted[name] {
		w.t.Fatalf("%s is put after it was deleted", name)
	}
	w.blobs[name] = b
}

func (w *mountWalk) delete(name string) {
	delete(w.blobs, name)
	w.deleted[name] = true
}

func (w *mountWalk) forgetWork() {
	clear(w.jobs)
	clear(w.early)
	if w.pub != nil {
		w.expect("close snapshot", w.pub.s.Close(), nil)
		w.pub = nil
	}
}

func (w *mountWalk) segment(n *Node, gen, index uint64) string {
	return clfs.ObjectName(clfs.SegmentID(w.j.Settings.Key, n.ID, gen, index-1), n.ID, clfs.TypeSegment, clfs.FirstVersion)
}

// source says where a block is in the container: as which generation; ok is false
// for one that is dirty.
func source(n *Node, rows []Block, index uint64) (gen uint64, ok bool) {
	for _, b := range rows {
		if b.Index == index {
			return b.Gen, b.IsUp()
		}
	}
	return n.Gen, index < n.SealedBlocks
}

func (w *mountWalk) rows(ino Ino) []Block {
	rows, err := w.j.BlocksOf(w.t.Context(), ino)
	w.expect("blocks", err, nil)
	return rows
}

// newest is the payload that has the newest sealed contents of a node.
func (w *mountWalk) newest(n *Node) *payload {
	if n.ImageGen != 0 {
		return w.image(n.Ino)
	}
	return w.blobs[schema.InodeName(n, n.PutVersion, n.PutOwner)].inode
}

func (w *mountWalk) image(ino Ino) *payload {
	data, err := w.j.Image(w.t.Context(), ino)
	w.expect("image", err, nil)
	return w.images[string(data)]
}

// fetch brings blocks back into staging, and checks what it finds.
func (w *mountWalk) fetch(m *modelNode, blocks []uint64) {
	n, rows := nodeOf(w.t, w.j, m.ino), w.rows(m.ino)
	for _, index := range blocks {
		if _, known := m.contents[index]; !known || m.local[index] {
			continue
		}
		gen, ok := source(&n, rows, index)
		if !ok {
			w.t.Fatalf("block %d of node %d is nowhere", index, m.ino)
		}
		tag := 0
		if index == 0 {
			tag = w.newest(&n).head
		} else {
			tag = w.blobs[w.segment(&n, gen, index)].tag
		}
		if tag != m.contents[index] {
			w.t.Fatalf("block %d of node %d is %d in the container, want %d", index, m.ino, tag, m.contents[index])
		}
		m.local[index] = true
	}
}

func (w *mountWalk) isBusy(ino Ino) bool {
	for b := range w.early {
		if b.Ino == ino {
			return true
		}
	}
	return w.jobs[ino] != nil
}

// takeJob takes a node from the queue.
func (w *mountWalk) takeJob() {
	list, err := w.j.QueuedNodes(w.t.Context(), 0, 100)
	w.expect("queued nodes", err, nil)
	if len(list) == 0 {
		return
	}
	if n := list[w.r.IntN(len(list))]; !w.isBusy(n.Ino) {
		w.jobs[n.Ino] = &job{node: n, next: 1}
	}
}

// step does one step of one job.
func (w *mountWalk) step() {
	inos := slices.Sorted(maps.Keys(w.jobs))
	if len(inos) == 0 {
		return
	}
	ino := inos[w.r.IntN(len(inos))]
	if !w.stepJob(w.jobs[ino]) {
		delete(w.jobs, ino)
	}
}

// stepJob reports whether there is more to do.
func (w *mountWalk) stepJob(b *job) bool {
	if b.upload != nil {
		w.expect("record upload", w.j.RecordUploads(w.t.Context(), []Upload{*b.upload}), nil)
		return false
	}
	n := nodeOf(w.t, w.j, b.node.Ino)
	if n.State == Removed || n.Cseq != b.node.Cseq || n.Next != b.node.Next {
		return false // it changed meanwhile
	}
	for rows := w.rows(n.Ino); b.next < Blocks(b.node.Attr.Size); b.next++ {
		if _, up := source(&n, rows, b.next); up {
			continue
		}
		w.put(w.segment(&n, n.Next, b.next), blob{tag: w.files[n.Ino].contents[b.next]})
		if w.r.IntN(2) == 0 {
			o := BlockOutcome{Ino: n.Ino, Index: b.next, Gen: n.Next, Cseq: b.node.Cseq}
			w.expect("record block", w.j.RecordBlocks(w.t.Context(), []BlockOutcome{o}), nil)
		}
		b.next++
		return true
	}
	return w.putInode(b, &n)
}

// putInode puts the inode, or keeps it for a publication.
func (w *mountWalk) putInode(b *job, n *Node) bool {
	u := &Upload{Node: b.node, ContentsUploaded: b.node.Flags&Content != 0}
	p := w.payload(&b.node)
	if w.j.InReach(n) {
		if u.ContentsUploaded || n.Attr.Type == clfs.TypeRegular && !b.node.ContentsCurrent() {
			u.Image = fmt.Append(nil, w.newTag())
			w.images[string(u.Image)] = p
		}
	} else {
		if n.Version != b.node.Version {
			return false
		}
		u.Put, u.Owner = true, w.id(n.Parent).Hash()
		w.put(schema.InodeName(n, n.Version, u.Owner), blob{inode: p})
	}
	b.upload = u
	return true
}

// payload is a node's inode once all that is dirty is up.
func (w *mountWalk) payload(n *Node) *payload {
	p := &payload{name: string(n.Name), size: n.Attr.Size, segments: map[string]int{}}
	if n.Attr.Type != clfs.TypeRegular {
		return p
	}
	m, rows := w.files[n.Ino], w.rows(n.Ino)
	p.head = m.contents[0]
	for index := uint64(1); index < Blocks(n.Attr.Size); index++ {
		gen, up := source(n, rows, index)
		if !up {
			gen = n.Next
		}
		name := w.segment(n, gen, index)
		p.segments[name] = m.contents[index]
		p.order = append(p.order, name)
	}
	return p
}

// earlyBlock puts a block of an open file, or records one.
func (w *mountWalk) earlyBlock() {
	for at, o := range w.early {
		delete(w.early, at)
		w.expect("record block", w.j.RecordBlocks(w.t.Context(), []BlockOutcome{o}), nil)
		return
	}
	list, err := w.j.QueuedBlocks(w.t.Context(), 0, 0, 100)
	w.expect("queued blocks", err, nil)
	for _, b := range list {
		if w.isBusy(b.Node.Ino) || w.r.IntN(2) == 0 {
			continue
		}
		w.put(w.segment(&b.Node, b.Node.Next, b.Block), blob{tag: w.files[b.Node.Ino].contents[b.Block]})
		w.early[contents.BlockOf{Ino: b.Node.Ino, Index: b.Block}] = BlockOutcome{Ino: b.Node.Ino, Index: b.Block, Gen: b.Node.Next,
			Cseq: b.Node.Cseq, Early: true}
		return
	}
}

// isPutting reports whether an inode was put and not recorded yet.
func (w *mountWalk) isPutting() bool {
	for _, b := range w.jobs {
		if b.upload != nil {
			return true
		}
	}
	return false
}

// collect deletes what is free.
func (w *mountWalk) collect() {
	if w.isPutting() || len(w.early) > 0 {
		return
	}
	ctx := w.t.Context()
	list, err := w.j.FreeGarbage(ctx, 1000)
	w.expect("free garbage", err, nil)
	var ids []int64
	for _, g := range list {
		for name := range g.Names() {
			w.delete(name)
		}
		ids = append(ids, g.ID)
	}
	w.expect("drop garbage", w.j.DropGarbage(ctx, ids), nil)
	removed, err := w.j.RemovedNodes(ctx, 0, 1000)
	w.expect("removed nodes", err, nil)
	for _, n := range removed {
		if w.jobs[n.Ino] != nil {
			delete(w.jobs, n.Ino)
		}
		names, err := w.j.NamesOf(ctx, n)
		w.expect("names", err, nil)
		for name := range names {
			w.delete(name)
		}
	}
	w.expect("drop nodes", w.j.DropNodes(ctx, removed), nil)
}

// evict takes uploaded blocks out of staging.
func (w *mountWalk) evict() {
	ctx := w.t.Context()
	list, err := w.j.Evictable(ctx, 1)
	w.expect("evictable", err, nil)
	for _, n := range list {
		inos, err := w.j.Evict(ctx, []Settled{{Ino: n.Ino, Seq: n.Seq}})
		w.expect("evict", err, nil)
		for _, ino := range inos {
			clear(w.files[ino].local)
		}
	}
	blocks, err := w.j.EvictableBlocks(ctx, 2)
	w.expect("evictable blocks", err, nil)
	for _, b := range blocks {
		m := w.files[b.Ino]
		if m == nil || w.isBusy(b.Ino) {
			continue
		}
		evicted, err := w.j.EvictBlocks(ctx, b.Ino, []uint64{b.Index})
		w.expect("evict blocks", err, nil)
		for _, index := range evicted {
			m.local[index] = false
		}
	}
}
