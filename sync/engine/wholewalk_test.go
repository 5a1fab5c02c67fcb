package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/state"
)

// Whatever was moved, exchanged and removed, and wherever a publication dies: at
// every instant the container leads to all that was published and still exists, and to
// nothing that is not there. In the end nothing leads in a loop.
func TestAPublicationLeavesAWholeNamespaceAtEveryInstant(t *testing.T) {
	seeds := []uint64{1, 2, 3, 4, 5, 6, 7, 8}
	for range 4 {
		seeds = append(seeds, rand.Uint64())
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { newTangle(t, seed).run(12) })
	}
}

// tangle is a small mount in which everything changes its place.
type tangle struct {
	*mount
	w     *watched
	r     *rand.Rand
	count int

	required map[clfs.ID]bool            // what is to be in reach
	existing map[clfs.ID]bool            // what the publication under way has
	contents map[clfs.ID]map[string]bool // that a file had since the last publication
	during   bool                        // something is changed while a publication runs
	busy     bool
	links    []*link
	replaced map[clfs.ID]state.Ino // files without a name, in reach, and the successors
}

func newTangle(t *testing.T, seed uint64) *tangle {
	w := newWatched()
	m := &tangle{mount: newMount(t, w), w: w, r: rand.New(rand.NewPCG(seed, 3)), contents: map[clfs.ID]map[string]bool{},
		replaced: map[clfs.ID]state.Ino{}}
	w.look = m.look
	m.mustUpload() // which claims the container
	return m
}

// place is an entry of the mount.
type place struct {
	dir  state.Ino
	name []byte
	node state.Node
}

// places lists all entries, and the directories, the root first.
func (m *tangle) places() (list []place, dirs []state.Ino) {
	m.t.Helper()
	dirs = []state.Ino{state.RootIno}
	for i := 0; i < len(dirs); i++ {
		page, err := m.journal.List(m.t.Context(), dirs[i], 0, 1000)
		m.check(err)
		for _, l := range page {
			list = append(list, place{dirs[i], l.Name, l.Node})
			if l.Node.IsDirectory() {
				dirs = append(dirs, l.Node.Ino)
			}
		}
	}
	return list, dirs
}

func pick[T any](m *tangle, list []T) T { return list[m.r.IntN(len(list))] }

func (m *tangle) name() []byte { return fmt.Append(nil, m.r.IntN(4)) }

// refused passes over what a file system refuses.
func (m *tangle) refused(err error) {
	m.t.Helper()
	for _, want := range []error{state.ErrNoEntry, state.ErrNameTaken, state.ErrNotEmpty, state.ErrIsDirectory,
		state.ErrNotDirectory, state.ErrLoop} {
		if errors.Is(err, want) {
			return
		}
	}
	if err != nil {
		m.t.Error(err)
	}
}

func (m *tangle) move(from place, to state.Ino, name []byte, exchange bool) {
	m.t.Helper()
	moved, replaced, err := m.journal.Rename(m.t.Context(), state.Rename{From: from.dir, Name: from.name, To: to, NewName: name,
		Now: m.now(), InUse: unused2, Exchange: exchange})
	m.refused(err)
	if err != nil {
		return
	}
	if _, err := m.journal.Lookup(m.t.Context(), from.dir, from.name); err == nil && !exchange {
		return // both names are links of one file
	}
	m.moveLinks(m.placeOf(from.dir, from.name), m.placeOf(to, name), exchange)
	if replaced != nil && !exchange && !replaced.IsDirectory() && replaced.State == state.Removed {
		m.succeed(*replaced, moved.Ino)
	}
}

func (m *tangle) step() {
	list, dirs := m.places()
	if len(list) < 3 || len(list) < 14 && m.r.IntN(5) == 0 {
		m.create(pick(m, dirs))
		return
	}
	from, other := pick(m, list), pick(m, list)
	switch m.r.IntN(14) {
	case 0, 1, 2:
		m.move(from, pick(m, dirs), m.name(), false)
	case 3, 4:
		m.move(from, pick(m, dirs), from.name, false)
	case 5, 6, 7:
		m.move(from, other.dir, other.name, true)
	case 8, 9:
		m.turnOver(from, list)
	case 10:
		_, err := m.journal.Link(m.t.Context(), from.node.Ino, pick(m, dirs), m.name(), m.now())
		m.refused(err)
	case 11:
		m.remove(from)
	case 12:
		m.clear(from, list, dirs)
	case 13:
		m.change(from)
	}
}

func (m *tangle) create(dir state.Ino) {
	typ := clfs.TypeDirectory
	if m.r.IntN(3) == 0 {
		typ = clfs.TypeRegular
	}
	now := m.now()
	n, err := m.journal.Add(m.t.Context(), state.Addition{Dir: dir, Name: m.name(), Attr: state.Attr{Type: typ,
		Mode: typ.ModeBits() | 0o700, Mtime: now, Ctime: now, Atime: now}})
	m.refused(err)
	if err == nil {
		m.change(place{node: n})
	}
}

// turnOver lets a directory and the one that it is in change places.
func (m *tangle) turnOver(inner place, list []place) {
	if !inner.node.IsDirectory() {
		return
	}
	for _, outer := range list {
		if outer.node.Ino == inner.dir {
			m.move(inner, outer.dir, m.name(), false)
			m.move(outer, inner.node.Ino, m.name(), false)
		}
	}
}

func (m *tangle) remove(p place) {
	remove := m.journal.Unlink
	if p.node.IsDirectory() {
		remove = m.journal.Rmdir
	}
	_, err := remove(m.t.Context(), p.dir, p.name, m.now(), unused2)
	m.refused(err)
	if err != nil {
		return
	}
	m.dropLink(m.placeOf(p.dir, p.name))
}

// clear removes a directory after it has moved what is in it elsewhere.
func (m *tangle) clear(dir place, list []place, dirs []state.Ino) {
	for _, p := range list {
		if p.dir == dir.node.Ino {
			m.move(p, pick(m, dirs), m.name(), false)
		}
	}
	m.remove(dir)
}

// change writes a file again, or sets the mode of something else.
func (m *tangle) change(p place) {
	if p.node.Attr.Type != clfs.TypeRegular {
		mode := p.node.Attr.Type.ModeBits() | uint32(m.r.IntN(0o1000))
		_, err := m.journal.SetAttr(m.t.Context(), p.node.Ino, state.Change{Mode: &mode, Ctime: m.now()})
		m.refused(err)
		return
	}
	m.count++
	data := fmt.Appendf(nil, "contents %08d", m.count)
	m.pwrite(p.node.Ino, data, 0)
	if m.r.IntN(3) > 0 {
		m.closeFile(p.node.Ino)
	}
	m.had(p.node.ID, string(data))
}

func (m *tangle) had(id clfs.ID, data string) {
	if m.contents[id] == nil {
		m.contents[id] = map[string]bool{}
	}
	m.contents[id][data] = true
}

// look holds what a reader sees at this moment to what is promised.
func (m *tangle) look(what string) {
	s := m.w.see()
	for _, f := range s.faults {
		m.t.Errorf("after %s: %s", what, f)
	}
	m.checkLinks(what)
	for id := range m.required {
		if _, ok := s.data[id]; !ok {
			m.t.Errorf("after %s: %s is out of reach", what, id)
		}
	}
	for id, data := range s.data {
		if had := m.contents[id]; had != nil && !had[data] {
			m.t.Errorf("after %s: %s has the contents %q, had %v", what, id, data, had)
		}
		if m.existing[id] {
			m.required[id] = true // it is in reach from now on
		}
	}
	if m.during && !m.busy && what[0] == 'p' && m.r.IntN(3) == 0 {
		m.busy = true
		m.step()
		if m.r.IntN(2) == 0 {
			m.settle()
		}
		m.busy = false
	}
}

// expect sets what a publication that begins now has to keep in reach.
func (m *tangle) expect() {
	m.existing, m.required = map[clfs.ID]bool{clfs.RootID: true}, map[clfs.ID]bool{}
	list, _ := m.places()
	for _, p := range list {
		m.existing[p.node.ID] = true
	}
	seen := m.w.see().data
	for id := range seen {
		if m.existing[id] {
			m.required[id] = true
		}
	}
	m.keepReplaced(seen)
}

func (m *tangle) publish() error {
	m.expect()
	m.during = m.r.IntN(4) == 0
	defer func() { m.during = false }()
	publish := func(ctx context.Context) error {
		_, err := m.engine.PublishMount(ctx)
		return err
	}
	if m.during && m.r.IntN(2) == 0 {
		return m.running(publish) // uploads go on
	}
	return publish(m.t.Context())
}

// restart is the death of the process.
func (m *tangle) restart() {
	m.t.Helper()
	m.mount.restart()
	e, err := New(m.journal, m.c, Options{Live: true, Concurrency: 1 + 3*m.r.IntN(2), Memory: MinMemory}, Events{})
	m.check(err)
	m.engine = e
	m.writeCutOff()
}

// round changes a few things and publishes them, and may die of that.
func (m *tangle) round() {
	for range 1 + m.r.IntN(8) {
		m.step()
	}
	if m.r.IntN(5) > 0 {
		m.mustUpload()
	}
	if m.r.IntN(2) == 0 {
		m.w.death = death{lives: 1 + m.r.IntN(20), ofRoot: m.r.IntN(3) == 0, half: m.r.IntN(2) == 0, records: m.r.IntN(2) == 0}
		if m.w.ofRoot {
			m.w.lives = 1 + m.r.IntN(10)
		}
	}
	err := m.publish()
	dead := m.w.lives == 0
	m.w.death = death{lives: -1}
	if dead {
		if m.r.IntN(3) == 0 {
			m.powerCut()
		} else {
			m.restart()
		}
		return
	}
	m.check(err)
	m.published()
	m.listLinks()
}

// published forgets the contents that files had before.
func (m *tangle) published() {
	for id, data := range m.w.see().data {
		latest := m.contents[id]
		if latest == nil {
			continue
		}
		m.contents[id] = map[string]bool{data: true}
		for d := range latest {
			if d > data {
				m.contents[id][d] = true
			}
		}
	}
}

func (m *tangle) run(rounds int) {
	for range rounds {
		if m.round(); m.t.Failed() {
			return
		}
	}
	for range 2 { // of which the first may be changed while it runs
		m.mustUpload()
		m.check(m.publish())
	}
	m.closeAll()
	for range 2 {
		m.mustUpload()
		m.expect()
		m.mustPublish()
	}
	m.check(m.engine.Collect(m.t.Context()))
	m.sound()
	m.settled()
	m.nothingLeft()
}

// settled holds the container to what it is after a publication: stand-ins and loops are gone.
func (m *tangle) settled() {
	m.t.Helper()
	if s := m.w.see(); len(s.names)+len(s.loops) > 0 {
		m.t.Errorf("in the end there are stand-ins %q, loops %q", slices.Sorted(slices.Values(s.names)), s.loops)
	}
}
