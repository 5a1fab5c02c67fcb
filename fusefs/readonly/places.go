package readonly

import (
	"slices"
	"strings"
	"sync"

	"clfsload/clfs"
)

// places are where directories were looked up last, which is where the kernel has them too: it
// moves a directory that is found in a second place. They form a tree at every moment, also
// if lookups at the same time would make a loop. What go-fuse remembers may have loops.
type places struct {
	mu sync.Mutex
	of map[clfs.ID]spot
}

// spot is an entry of a directory.
type spot struct {
	dir  clfs.ID
	name string
}

// put notes where a directory is. It reports false, and notes nothing, if that is in itself.
func (p *places) put(id clfs.ID, at spot) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isAbove(id, at.dir) {
		return false
	}
	if p.of == nil {
		p.of = map[clfs.ID]spot{}
	}
	p.of[id] = at
	return true
}

// spotOf returns where a directory is, as far as is known.
func (p *places) spotOf(id clfs.ID) spot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of[id]
}

// forget is told that the kernel does not know a directory any longer.
func (p *places) forget(id clfs.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.of, id)
}

// isAbove reports whether one directory is another one, or above it.
func (p *places) isAbove(id, below clfs.ID) bool {
	for below != id {
		at, found := p.of[below]
		if !found {
			return false
		}
		below = at.dir
	}
	return true
}

// above returns a directory and those above it.
func (p *places) above(id clfs.ID) map[clfs.ID]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := map[clfs.ID]bool{id: true}
	for at, found := p.of[id]; found; at, found = p.of[at.dir] {
		ids[at.dir] = true
	}
	return ids
}

// path is the path of a directory.
func (p *places) path(id clfs.ID) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for at, found := p.of[id]; found; at, found = p.of[at.dir] {
		names = append(names, at.name)
	}
	slices.Reverse(names)
	return strings.Join(names, "/")
}
