package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob/mem"
)

// churn is a mount that is changed at random. What staging has lost to eviction is
// kept in truth.
type churn struct {
	*mount
	r     *rand.Rand
	truth map[state.Ino][]byte
	dirs  []string
	files []string
	count int
}

// Whatever is done while files are uploaded, published, evicted and deleted, all
// in parallel: in the end the container is the tree and nothing else.
func TestAMountThatIsChangedAllTheTimeEndsWhole(t *testing.T) {
	for range 2 {
		seed := uint64(time.Now().UnixNano())
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { churnFor(t, seed, 400) })
	}
}

func churnFor(t *testing.T, seed uint64, steps int) {
	m := &churn{mount: newMount(t, mem.New()), r: rand.New(rand.NewPCG(seed, 2)), truth: map[state.Ino][]byte{}, dirs: []string{"."}}
	m.check(m.running(func(ctx context.Context) error {
		var g sync.WaitGroup
		ctx, cancel := context.WithCancelCause(ctx)
		g.Go(func() { m.publishAllTheTime(ctx, cancel) })
		for range steps {
			m.step()
		}
		cause := context.Cause(ctx)
		cancel(errEnough)
		g.Wait()
		return cause
	}))
	m.mustPublish()
	m.check(m.engine.Collect(t.Context()))
	m.staged = m.truth
	m.sound()
}

func (m *churn) publishAllTheTime(ctx context.Context, cancel context.CancelCauseFunc) {
	for ctx.Err() == nil {
		_, err := m.engine.PublishMount(m.t.Context())
		if err == nil {
			err = m.engine.Collect(m.t.Context())
		}
		if err != nil {
			cancel(err)
		}
	}
}

func (m *churn) any(list []string) string { return list[m.r.IntN(len(list))] }

func (m *churn) fresh() string {
	m.count++
	return fmt.Sprintf("%s/n%d", m.any(m.dirs), m.count)
}

// step does one of the things that can be done.
func (m *churn) step() {
	m.t.Helper()
	if len(m.files) == 0 || m.r.IntN(4) == 0 {
		m.create()
		return
	}
	file := m.any(m.files)
	switch m.r.IntN(12) {
	case 0:
		dir := m.fresh()
		m.mkdir(dir)
		m.dirs = append(m.dirs, dir)
	case 1, 2:
		to := m.fresh()
		m.rename(file, to)
		m.files[slices.Index(m.files, file)] = to
	case 3:
		m.replace(file)
	case 4:
		m.unlink(file)
		m.forget(file)
	case 5:
		to := m.fresh()
		m.link(file, to)
		m.files = append(m.files, to)
	case 6:
		m.chmod(file, uint32(m.r.IntN(0o1000)))
	case 7, 8:
		m.overwrite(file)
	case 9:
		m.cut(file)
	case 10:
		m.settle()
	case 11:
		m.settle()
		m.evict()
	}
}

func (m *churn) forget(file string) {
	m.files = slices.DeleteFunc(m.files, func(f string) bool { return f == file })
}

var sizes = []int64{0, 10, clfs.FirstSegmentBytes, one, clfs.FirstSegmentBytes + clfs.SegmentBytes + 9}

func (m *churn) create() {
	m.t.Helper()
	p := m.fresh()
	n := m.write(p, sizes[m.r.IntN(len(sizes))], int64(m.count))
	m.mu.Lock()
	m.truth[n.Ino] = slices.Clone(m.staged[n.Ino])
	m.mu.Unlock()
	m.files = append(m.files, p)
}

// replace renames a file over another one.
func (m *churn) replace(file string) {
	m.t.Helper()
	over := m.any(m.files)
	if m.lookup(file).Ino == m.lookup(over).Ino {
		return
	}
	m.rename(file, over)
	m.forget(file)
}

func (m *churn) overwrite(file string) {
	m.t.Helper()
	n := m.lookup(file)
	data := []byte(fmt.Sprintf("%d bytes of this", m.count))
	offset := int64(m.r.IntN(len(m.truth[n.Ino]) + 1))
	m.bringBack(n.Ino, offset, int64(len(data)))
	m.pwrite(n.Ino, data, offset)
	whole := m.truth[n.Ino]
	if grow := offset + int64(len(data)) - int64(len(whole)); grow > 0 {
		whole = append(whole, make([]byte, grow)...)
	}
	copy(whole[offset:], data)
	m.truth[n.Ino] = whole
	if m.r.IntN(3) == 0 {
		m.settle() // while it is open
	}
	m.closeFile(n.Ino)
}

func (m *churn) cut(file string) {
	m.t.Helper()
	n := m.lookup(file)
	size := int64(m.r.IntN(len(m.truth[n.Ino]) + 1000))
	m.bringBack(n.Ino, min(size, n.Attr.Size), 1)
	m.truncate(file, size)
	whole := make([]byte, size)
	copy(whole, m.truth[n.Ino])
	m.truth[n.Ino] = whole
}

// bringBack fetches what a write, or the end of the file, touches into staging.
func (m *churn) bringBack(ino state.Ino, offset, length int64) {
	m.t.Helper()
	n, rows, err := m.journal.Layout(m.t.Context(), ino)
	m.check(err)
	p := newBlockPlan(n, rows)
	last := state.Blocks(n.Attr.Size) - 1 // growing changes it
	for b := uint64(0); b <= last; b++ {
		at, room := state.BlockRange(b)
		touched := offset < at+room && at < offset+length || b == last
		if !touched || p.staged(b) || n.Attr.Size == 0 {
			continue
		}
		data, err := m.readBack(n, &p, b)
		m.check(err)
		m.mu.Lock()
		if string(data) != string(m.truth[n.Ino][at:at+int64(len(data))]) {
			m.t.Errorf("block %d of %s is read back with other contents", b, n.Name)
		}
		copy(m.staged[n.Ino][at:], data)
		m.mu.Unlock()
	}
}

func (m *churn) readBack(n state.Node, p *blockPlan, block uint64) ([]byte, error) {
	if block == 0 {
		return m.engine.Head(m.t.Context(), n)
	}
	generation, ok := p.uploaded(block)
	if !ok {
		return nil, errors.New("a block that is nowhere")
	}
	return m.engine.Block(m.t.Context(), n, block, generation)
}

// evict takes what is uploaded out of staging.
func (m *churn) evict() {
	m.t.Helper()
	page, err := m.journal.Evictable(m.t.Context(), 3)
	m.check(err)
	var list []state.Settled
	for _, n := range page {
		list = append(list, state.Settled{Ino: n.Ino, Seq: n.Seq})
	}
	gone, err := m.journal.Evict(m.t.Context(), list)
	m.check(err)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ino := range gone {
		m.staged[ino] = make([]byte, len(m.staged[ino]))
	}
}
