package state

import (
	"fmt"
	"maps"
	"slices"

	"clfsload/clfs"
	"clfsload/state/schema"
)

// publication is one under way. Each step is a put, or its record.
type publication struct {
	s       *Snapshot
	steps   []func()
	pending *Put // was put and not recorded
}

// publish goes on with the publication that is under way, or begins one.
func (w *mountWalk) publish() {
	if w.pub == nil {
		if w.isPutting() || w.r.IntN(3) > 0 {
			return
		}
		w.beginPublication()
	}
	for range 1 + w.r.IntN(5) {
		w.stepPublication()
	}
}

func (w *mountWalk) finishPublication() {
	for w.pub != nil {
		w.stepPublication()
	}
}

func (w *mountWalk) stepPublication() {
	p := w.pub
	defer w.watch()
	switch {
	case p == nil:
	case p.pending != nil:
		w.expect("record put", w.j.RecordPuts(w.t.Context(), []Put{*p.pending}), nil)
		p.pending = nil
	case len(p.steps) > 0:
		next := p.steps[0]
		p.steps = p.steps[1:]
		next()
	default:
		w.expect("end publication", w.j.EndPublish(w.t.Context(), p.s.Seq()), nil)
		w.expect("close snapshot", p.s.Close(), nil)
		w.pub = nil
		w.watchEnd()
	}
}

func (w *mountWalk) beginPublication() {
	ctx := w.t.Context()
	s, err := w.j.BeginPublish(ctx, false)
	w.expect("begin publication", err, nil)
	p := &publication{s: s}
	w.pub = p
	if !w.between { // or else one was cut off
		w.between, w.always = true, maps.Clone(w.seen)
	}
	dirs, err := s.NewDirectories(ctx, 0, 1000)
	w.expect("new directories", err, nil)
	for _, d := range dirs {
		p.steps = append(p.steps, func() { w.putDirectory(d.Node, true, !w.differ(d.Ino)) })
	}
	p.steps = append(p.steps, func() { w.expect("reach new directories", w.j.ReachNew(ctx), nil) })
	nodes, err := s.ChangedNodes(ctx, 0, 1000)
	w.expect("changed nodes", err, nil)
	for _, n := range nodes {
		p.steps = append(p.steps, func() { w.putChanged(n) })
	}
	w.planChanged()
	w.planFinal()
	if s.First() {
		root, err := s.Root(ctx)
		w.expect("root", err, nil)
		p.steps = append(p.steps, func() { w.putDirectory(root, false, true) })
	}
}

// tombstones are those that the interim form of a directory lists, or with final the final one.
func (w *mountWalk) tombstones(dir Ino, final bool) (list []Tombstone) {
	all, err := w.pub.s.Tombstones(w.t.Context(), dir, Tombstone{}, 1000)
	w.expect("tombstones", err, nil)
	for _, t := range all {
		if !final || t.Successor == Waiting {
			list = append(list, t)
		}
	}
	return list
}

func (w *mountWalk) differ(dir Ino) bool {
	return len(w.tombstones(dir, false)) != len(w.tombstones(dir, true))
}

func (w *mountWalk) planChanged() {
	p := w.pub
	dirs, err := p.s.ChangedDirectories(w.t.Context(), 0, 1000)
	w.expect("changed directories", err, nil)
	for _, d := range dirs {
		if differ := w.differ(d.Ino); !differ || d.Flags&Grown != 0 {
			p.steps = append(p.steps, func() { w.putDirectory(d.Node, true, !differ) })
		}
	}
}

func (w *mountWalk) planFinal() {
	p := w.pub
	dirs, err := p.s.DirectoriesWithTombstones(w.t.Context(), 0, 1000)
	w.expect("directories with tombstones", err, nil)
	for _, d := range dirs {
		if !w.differ(d.Ino) || d.Ino == RootIno && p.s.First() {
			continue
		}
		if !p.s.Reached(&d.Node) || d.Flags&Grown != 0 {
			d.Version++
		}
		p.steps = append(p.steps, func() { w.putDirectory(d.Node, false, true) })
	}
}

func (w *mountWalk) owner(n *Node) uint64 {
	if n.Ino == RootIno {
		return clfs.RootID.Hash()
	}
	back, err := w.pub.s.BackPointers(w.t.Context(), *n)
	w.expect("back pointers", err, nil)
	return back[0].Hash()
}

// dirSegments is how many entries a segment of the walk's directories holds.
const dirSegments = 2

func (w *mountWalk) putDirectory(n Node, interim, last bool) {
	ctx := w.t.Context()
	children, err := w.pub.s.Children(ctx, n.Ino, nil, 1000)
	w.expect("children", err, nil)
	p := &payload{name: string(n.Name), segments: map[string]int{}, children: map[string]string{}}
	complete := true
	for _, c := range children {
		if !c.Put {
			complete = false
			continue
		}
		p.children[string(c.Name)] = string(c.ID)
	}
	for _, t := range w.tombstones(n.Ino, !interim) {
		name := string(t.Name)
		if _, taken := p.children[name]; taken {
			name = fmt.Sprint("stand-in ", t.Ino, " ", name)
		}
		p.children[name] = string(t.ID)
	}
	blocks := 1 + uint64(len(p.children)/dirSegments)
	if blocks > 1 {
		n, err = w.j.Reserve(ctx, n, blocks, true)
		w.expect("reserve", err, nil)
	}
	for index := uint64(1); index < blocks; index++ {
		name := w.segment(&n, n.Next, index)
		p.segments[name] = w.newTag()
		w.put(name, blob{tag: p.segments[name]})
	}
	owner := w.owner(&n)
	w.put(schema.InodeName(&n, n.Version, owner), blob{inode: p})
	w.pub.pending = &Put{Node: n, Owner: owner, Blocks: blocks, Snapshot: w.pub.s.Seq(), Final: last, Complete: complete}
}

func (w *mountWalk) putChanged(n Node) {
	owner := w.owner(&n)
	base := w.blobs[schema.InodeName(&n, n.PutVersion, n.PutOwner)].inode
	if n.ImageGen != 0 {
		data, err := w.pub.s.Image(w.t.Context(), n.Ino)
		w.expect("image", err, nil)
		base = w.images[string(data)]
	}
	p := *base
	p.name = string(n.Name)
	if n.ContentsCurrent() {
		p.size = n.Attr.Size
	}
	w.put(schema.InodeName(&n, n.Version, owner), blob{inode: &p})
	w.pub.pending = &Put{Node: n, Owner: owner}
}

// finish closes, uploads and publishes everything, and holds the container to the
// model: the same tree, and no blob more.
func (w *mountWalk) finish() {
	w.t.Helper()
	for _, ino := range slices.Sorted(maps.Keys(w.files)) {
		if n := w.files[ino]; n != nil && n.open {
			w.closeNode(n)
		}
	}
	w.accept()
	w.finishPublication()
	w.uploadAll()
	w.beginPublication()
	left, err := w.pub.s.Unpublished(w.t.Context(), 0, 10)
	if w.expect("unpublished", err, nil); len(left) > 0 {
		w.t.Fatalf("not published: %+v", left)
	}
	w.finishPublication()
	w.collect()
	w.collect()
	w.collect() // what the removed nodes left
	needed, _ := w.checkReader()
	for name := range w.blobs {
		if !needed[name] {
			w.t.Fatalf("%s is left over", name)
		}
	}
	newest, _ := w.newestInodes()
	w.checkPublished(newest, RootIno, "")
	totals := w.j.Counts()
	if totals.Dirty+totals.Queued+totals.Sealed+totals.Held != 0 {
		w.t.Fatalf("not all is done: %+v", totals)
	}
}

func (w *mountWalk) uploadAll() {
	for {
		list, err := w.j.Unsettled(w.t.Context(), 0, 1000)
		w.expect("unsettled", err, nil)
		var settled []Settled
		for _, n := range list {
			settled = append(settled, Settled{Ino: n.Ino, Seq: n.Seq})
		}
		w.expect("settle", w.j.Settle(w.t.Context(), settled), nil)
		for len(w.early) > 0 {
			w.earlyBlock()
		}
		for len(w.jobs) > 0 {
			w.step()
		}
		queued, err := w.j.QueuedNodes(w.t.Context(), 0, 1000)
		w.expect("queued nodes", err, nil)
		if len(queued) == 0 {
			return
		}
		for _, n := range queued {
			w.jobs[n.Ino] = &job{node: n, next: 1}
		}
	}
}

func (w *mountWalk) checkPublished(newest map[string]*payload, ino Ino, path string) {
	w.t.Helper()
	m, p := w.files[ino], newest[string(w.id(ino))]
	want := map[string]string{}
	for name, below := range m.entries {
		want[name] = string(w.id(below))
	}
	if m.isDir() && !maps.Equal(p.children, want) {
		w.t.Fatalf("%s/ is published as %q, want %q", path, p.children, want)
	}
	if n := nodeOf(w.t, w.j, ino); p.name != string(n.Name) || m.isFile() && p.size != m.size {
		w.t.Fatalf("%s is published as %q, %d bytes, want %q, %d", path, p.name, p.size, n.Name, m.size)
	}
	if m.isFile() {
		w.checkContents(m, p, path)
	}
	for name, below := range m.entries {
		w.checkPublished(newest, below, path+"/"+name)
	}
}

func (w *mountWalk) checkContents(m *modelNode, p *payload, path string) {
	got := []int{p.head}
	for _, name := range p.order {
		got = append(got, w.blobs[name].tag)
	}
	var want []int
	for index := range Blocks(m.size) {
		want = append(want, m.contents[index])
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("%s is published as %d, want %d", path, got, want)
	}
}

func (w *mountWalk) run(steps int) {
	ops := []struct {
		weight int
		do     func()
	}{{16, w.add}, {6, w.link}, {8, w.remove}, {24, w.rename}, {4, w.setAttr}, {20, w.write}, {8, w.truncate}, {16, w.close},
		{12, w.settle}, {14, w.takeJob}, {40, w.step}, {14, w.earlyBlock}, {8, w.evict}, {16, w.publish}, {4, w.collect}, {1, w.crash},
		{4, w.kill}, {4, w.powerCut}, {4, w.breakOff}}
	total := 0
	for _, op := range ops {
		total += op.weight
	}
	for n := range steps {
		roll, i := w.r.IntN(total), 0
		for ; roll >= ops[i].weight; i++ {
			roll -= ops[i].weight
		}
		ops[i].do()
		if n%5 == 0 {
			w.watch()
			w.checkNames()
			w.checkTotals()
		}
		if n%20 == 0 {
			w.checkTree()
		}
		if n%400 == 399 {
			w.finish()
		}
	}
}
