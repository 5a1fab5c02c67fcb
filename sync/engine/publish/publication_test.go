package publish

import (
	"context"
	"maps"
	"slices"

	"clfsload/state"
)

// run is a publication of a world.
type run struct {
	*world
	snapshot *journal
	cutOff   bool               // it may be
	puts     map[state.Ino]int  // of directories
	last     map[state.Ino]bool // no put of the directory may follow
	pending  []state.Put        // not recorded
}

// publish publishes the world. cutOff: the process may die between any two things it does.
func (w *world) publish(cutOff bool) {
	w.collect()
	w.beginPublication()
	w.log("publication %d begins", w.begun)
	w.noUploads = true
	w.disturb()
	w.noUploads = false
	r := &run{world: w, snapshot: w.clone(), cutOff: cutOff, puts: map[state.Ino]int{}, last: map[state.Ino]bool{}}
	w.promises.begin(r.snapshot)
	w.disturb()
	for _, phase := range Phases {
		if r.dies() || !r.phase(phase) {
			w.log("publication %d is cut off", w.begun)
			return
		}
	}
	if r.dies() {
		return
	}
	w.endPublication(r.snapshot.seq)
	w.log("publication %d is complete", w.begun)
	r.checkPuts()
	w.collect()
	w.remember(r.snapshot)
}

// dies picks whether the process does. Of what was not recorded some was, then.
func (r *run) dies() bool {
	if !r.cutOff || !r.happens(12) {
		return false
	}
	for _, p := range r.pending {
		if r.happens(2) {
			r.record(p)
		}
	}
	return true
}

// disturb picks changes that are made meanwhile.
func (w *world) disturb() {
	for w.happens(4) {
		w.mutate()
	}
}

// phase makes the steps of a phase in any order, and reports whether the process lives on.
func (r *run) phase(phase Phase) bool {
	var steps []Step
	for s, err := range Steps(context.Background(), r.snapshot, phase) {
		if err != nil {
			r.violate("steps: %v", err)
		}
		steps = append(steps, s)
	}
	for len(steps) > 0 {
		i := r.pick(len(steps))
		r.put(phase, steps[i])
		steps = slices.Delete(steps, i, i+1)
		r.check()
		r.disturb()
		if r.dies() {
			return false
		}
		if r.happens(4) {
			r.recordAll()
		}
	}
	r.recordAll()
	r.disturb()
	if phase == NewDirectories && !r.dies() {
		r.reached = r.begun
	}
	return phase != NewDirectories || r.reached == r.begun
}

func (r *run) recordAll() {
	for _, p := range r.pending {
		r.record(p)
	}
	r.pending = nil
}

func (r *run) record(p state.Put) {
	r.log("record %d", p.Node.Ino)
	r.recordPut(p)
}

func (r *run) put(phase Phase, s Step) {
	n := s.Node
	p := state.Put{Node: n, Snapshot: r.snapshot.seq, Final: s.Last, Complete: true}
	if n.IsDirectory() {
		var listing map[string]state.Ino
		listing, p.Complete = r.list(s)
		r.putDirectory(phase, s, listing)
	} else if len(r.container[n.Ino]) == 0 {
		r.violate("%d is put, and was not uploaded", n.Ino)
	}
	r.pending = append(r.pending, p)
}

func (r *run) list(s Step) (listing map[string]state.Ino, complete bool) {
	listing, complete = map[string]state.Ino{}, true
	for e, err := range Listing(context.Background(), r.snapshot, s) {
		name := string(e.Name)
		switch {
		case err != nil:
			r.violate("list %d: %v", s.Node.Ino, err)
		case !e.Listed:
			complete = false
		case listing[name] != 0:
			r.violate("directory %d lists %q twice", s.Node.Ino, name)
		default:
			listing[name] = e.Ino
		}
	}
	return listing, complete
}

func (r *run) putDirectory(phase Phase, s Step, listing map[string]state.Ino) {
	n := s.Node
	r.log("phase %d puts %d as version %d: %v", phase, n.Ino, n.Version, listing)
	if r.last[n.Ino] {
		r.violate("directory %d is put again after its last put", n.Ino)
	}
	if r.puts[n.Ino] == 1 && maps.Equal(listing, r.newest(n.Ino).listing) {
		r.violate("directory %d is put twice with one listing", n.Ino)
	}
	r.puts[n.Ino]++
	r.last[n.Ino] = s.Last
	blobs := r.container[n.Ino]
	if blobs == nil {
		blobs = map[uint32]worldBlob{}
		r.container[n.Ino] = blobs
	}
	b := worldBlob{n.Parent, r.begun, listing}
	for version, old := range blobs {
		if version > n.Version || version == n.Version && (old.owner != b.owner || old.put == b.put) {
			r.violate("directory %d is put as version %d of %d, after version %d of %d", n.Ino, n.Version, b.owner, version, old.owner)
		}
	}
	blobs[n.Version] = b
	r.promises.explain(r.world, n.Ino, listing)
}

// checkPuts holds a complete publication to the number of its puts.
func (r *run) checkPuts() {
	for _, n := range r.snapshot.inOrder() {
		if !n.IsDirectory() {
			continue
		}
		puts, least, most := r.puts[n.Ino], 0, 0
		if n.State == state.Held {
			least, most = 1, 1
			if r.snapshot.hasTombstones(n.Ino) {
				most = 2
			}
		}
		if puts < least || puts > most {
			r.violate("directory %d is put %d times, want %d to %d", n.Ino, puts, least, most)
		}
		if puts > 0 && !r.last[n.Ino] {
			r.violate("directory %d has no last put", n.Ino)
		}
	}
}
