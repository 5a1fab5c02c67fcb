package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/sync/blob/mem"
)

var errDied = errors.New("the process is dead")

// watched is a container that walks what its root leads to after every put and every
// delete, and that can end the process at one of them.
type watched struct {
	*mem.Container
	mu      sync.Mutex
	objects map[clfs.ID]map[string]*version // by the blob's name
	blocks  map[clfs.ID]object.Segment
	loose   map[string]bool // blobs of which a power cut may leave the name alone
	gone    map[string]bool // names that were deleted

	look func(what string) // after each change, under the lock
	death
}

// death is when and how a process ends.
type death struct {
	lives   int  // changes until it does; below 0: it does not
	ofRoot  bool // the first of them is a put of the root
	half    bool // the last of them is made nevertheless
	records bool // what was put before is recorded
}

func newWatched() *watched {
	return &watched{Container: mem.New(), objects: map[clfs.ID]map[string]*version{},
		blocks: map[clfs.ID]object.Segment{}, loose: map[string]bool{}, gone: map[string]bool{}, look: func(string) {}, death: death{lives: -1}}
}

func (w *watched) Put(ctx context.Context, name string, data []byte) error {
	return w.put(ctx, name, data, true)
}

func (w *watched) PutWhole(ctx context.Context, name string, data []byte) error {
	return w.put(ctx, name, data, false)
}

func (w *watched) put(ctx context.Context, name string, data []byte, loose bool) error {
	return w.change("put", name, func() error {
		if w.gone[name] {
			return fmt.Errorf("%s is put after it was deleted", name)
		}
		if delete(w.loose, name); loose {
			w.loose[name] = true
		}
		if err := w.Container.Put(ctx, name, data); err != nil {
			return err
		}
		return w.learn(name, bytes.Clone(data))
	})
}

func (w *watched) Delete(ctx context.Context, name string) error {
	return w.change("delete", name, func() error {
		n, err := clfs.ParseName(name)
		if err != nil {
			return err
		}
		delete(w.objects[n.ID], name)
		delete(w.blocks, n.ID)
		delete(w.loose, name)
		w.gone[name] = true
		return w.Container.Delete(ctx, name)
	})
}

// Sync implements blob.Syncer: what was put before the process died is not recorded
// after it.
func (w *watched) Sync(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lives == 0 && !w.records {
		return errDied
	}
	clear(w.loose)
	return nil
}

func (w *watched) change(what, name string, do func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lives == 0 {
		return errDied
	}
	if isRoot := strings.HasPrefix(name, rootName); isRoot || !w.ofRoot {
		w.lives--
		w.ofRoot = false
	}
	if w.lives == 0 && !w.half {
		return errDied
	}
	if err := do(); err != nil {
		return err
	}
	w.look(what + " " + name)
	if w.lives == 0 {
		return errDied
	}
	return nil
}

// rootName is how the names of the root's inodes begin.
var rootName, _, _ = strings.Cut(clfs.ObjectName(clfs.RootID, clfs.RootID, clfs.TypeDirectory, 1), ".")

func (w *watched) learn(name string, data []byte) error {
	n, err := clfs.ParseName(name)
	if err != nil || n.ID == clfs.BucketID {
		return err
	}
	payload, _, err := compression.Unpack(data, object.MaxSegmentPayload)
	if err != nil {
		return err
	}
	if n.Type == clfs.TypeSegment {
		w.blocks[n.ID], err = object.DecodeSegment(payload)
		return err
	}
	if w.objects[n.ID] == nil {
		w.objects[n.ID] = map[string]*version{}
	}
	in, err := object.DecodeInode(payload)
	w.objects[n.ID][name] = &version{n.Version, name, in}
	return err
}

// version is an inode of which there may be others.
type version struct {
	number uint32
	name   string
	inode  *object.Inode
}

// newest is the inode that readers find for an id, nil if there is none. twice: there are
// two of its version.
func (w *watched) newest(id clfs.ID) (newest *version, twice bool) {
	for _, o := range w.objects[id] {
		switch {
		case newest == nil || o.number > newest.number:
			newest, twice = o, false
		case o.number == newest.number:
			twice = true
		}
	}
	return newest, twice
}

// listing is what the newest inode of a directory lists.
func (w *watched) listing(id clfs.ID) map[string]clfs.ID {
	newest, _ := w.newest(id)
	if newest == nil {
		return nil
	}
	all := map[string]clfs.ID{}
	add := func(raw []byte) {
		for d, err := range object.Dirents(raw) {
			if err == nil && string(d.Name) != "." && string(d.Name) != ".." {
				all[string(d.Name)] = d.ID
			}
		}
	}
	add(newest.inode.Dirents)
	for _, s := range newest.inode.Direct[min(1, len(newest.inode.Direct)):] {
		if !s.IsNull() {
			add(w.blocks[s].Dirents)
		}
	}
	return all
}

// sight is what the root leads to.
type sight struct {
	w      *watched
	data   map[clfs.ID]string // of all that was found; nothing but of regular files
	above  map[clfs.ID]bool   // the directories on the way
	names  []string           // stand-ins
	loops  []string           // paths that lead back to a directory above them
	faults []string
}

func (w *watched) see() *sight {
	s := &sight{w: w, data: map[clfs.ID]string{}, above: map[clfs.ID]bool{}}
	if root, _ := w.newest(clfs.RootID); root != nil {
		s.visit(clfs.RootID, "")
	}
	return s
}

func (s *sight) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

func (s *sight) visit(id clfs.ID, path string) {
	newest, twice := s.w.newest(id)
	switch _, before := s.data[id]; {
	case s.above[id]:
		s.loops = append(s.loops, path)
		return
	case before:
		return
	case newest == nil:
		s.fault("%s is listed and has no inode", path)
		return
	case twice:
		s.fault("%s has two inodes of one version", path)
	case s.w.loose[newest.name]:
		s.fault("a power cut would leave no bytes of %s", path)
	}
	in := newest.inode
	s.data[id] = string(in.Data)
	if in.Attr.Type != clfs.TypeDirectory {
		return
	}
	s.above[id] = true
	names := map[string]bool{}
	s.list(in.Dirents, path, names)
	for _, segment := range in.Direct[min(1, len(in.Direct)):] {
		if segment.IsNull() {
			continue
		}
		o, ok := s.w.blocks[segment]
		if !ok {
			s.fault("%s has lost a segment", path)
		}
		if s.w.loose[clfs.ObjectName(segment, id, clfs.TypeSegment, clfs.FirstVersion)] {
			s.fault("a power cut would leave no bytes of a segment of %s", path)
		}
		s.list(o.Dirents, path, names)
	}
	delete(s.above, id)
}

func (s *sight) list(raw []byte, path string, names map[string]bool) {
	for d, err := range object.Dirents(raw) {
		name := string(d.Name)
		switch {
		case err != nil:
			s.fault("%s: %v", path, err)
			continue
		case name == "." || name == "..":
			continue
		case names[name]:
			s.fault("%s/%s is listed twice", path, name)
		case strings.HasPrefix(name, ".clfsload-moved-"):
			s.names = append(s.names, path+"/"+name)
		}
		names[name] = true
		s.visit(d.ID, path+"/"+name)
	}
}
