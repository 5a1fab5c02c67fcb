package adopted

import (
	"sync"

	"clfsload/state"
)

// known counts how often the kernel was told of each adopted inode, and has not forgotten it:
// these stay in the journal. The kernel's own memory for them is many times that.
type known struct {
	mu    sync.RWMutex // held to drop inodes, and for reading while the kernel is told of one
	count sync.Mutex
	inos  map[state.Ino]uint64
}

func newKnown() *known { return &known{inos: map[state.Ino]uint64{}} }

// add counts an inode that the kernel is told of. mu is held for reading.
func (k *known) add(n *state.Node) {
	if n.Flags&state.Adopted == 0 {
		return
	}
	k.count.Lock()
	defer k.count.Unlock()
	k.inos[n.Ino]++
}

// forget is told that the kernel has forgotten an inode of which it was told times times.
func (k *known) forget(ino state.Ino, times uint64) {
	k.count.Lock()
	defer k.count.Unlock()
	if k.inos[ino] > times {
		k.inos[ino] -= times
	} else {
		delete(k.inos, ino)
	}
}

func (k *known) has(ino state.Ino) bool {
	k.count.Lock()
	defer k.count.Unlock()
	return k.inos[ino] > 0
}

// Pin keeps all inodes in the journal until what it returns is called. The kernel is told of
// adopted inodes meanwhile only.
func (p *Part) Pin() (unpin func()) {
	p.known.mu.RLock()
	return p.known.mu.RUnlock
}

// Tell is told that the kernel is told of an inode. It is pinned.
func (p *Part) Tell(n *state.Node) { p.known.add(n) }

// Forget is told that the kernel has forgotten an inode of which it was told times times.
func (p *Part) Forget(ino state.Ino, times uint64) { p.known.forget(ino, times) }
