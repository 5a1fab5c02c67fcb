package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"clfsload/clfs"
	"clfsload/sync/blob/mem"
)

var errDied = errors.New("the process is dead")

// watched is a container that walks what its root leads to after every put and every
// delete, and that can end the process at one of them.
type watched struct {
	*mem.Container
	mu      sync.Mutex
	objects map[clfs.ID]map[uint32]*clfs.Inode
	blocks  map[clfs.ID]clfs.Segment

	look  func(what string) // after each change, under the lock
	lives int               // changes until the process dies; below 0: it does not
	half  bool              // the last of them is made nevertheless
}

func newWatched() *watched {
	return &watched{Container: mem.New(), objects: map[clfs.ID]map[uint32]*clfs.Inode{},
		blocks: map[clfs.ID]clfs.Segment{}, look: func(string) {}, lives: -1}
}

func (w *watched) Put(ctx context.Context, name string, data []byte) error {
	return w.change("put", name, func() error {
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
		delete(w.objects[n.ID], n.Version)
		delete(w.blocks, n.ID)
		return w.Container.Delete(ctx, name)
	})
}

// Sync implements blob.Syncer: what was put before the process died is not recorded
// after it.
func (w *watched) Sync(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lives == 0 {
		return errDied
	}
	return nil
}

func (w *watched) change(what, name string, do func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lives == 0 {
		return errDied
	}
	w.lives--
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

func (w *watched) learn(name string, data []byte) error {
	n, err := clfs.ParseName(name)
	if err != nil || n.ID == clfs.BucketID {
		return err
	}
	payload, _, err := clfs.Unpack(data, clfs.MaxSegmentPayload)
	if err != nil {
		return err
	}
	if n.Type == clfs.TypeSegment {
		w.blocks[n.ID], err = clfs.DecodeSegment(payload)
		return err
	}
	if w.objects[n.ID] == nil {
		w.objects[n.ID] = map[uint32]*clfs.Inode{}
	}
	w.objects[n.ID][n.Version], err = clfs.DecodeInode(payload)
	return err
}

// newest is the inode that readers find for an id.
func (w *watched) newest(id clfs.ID) (in *clfs.Inode, ok bool) {
	highest := uint32(0)
	for version, o := range w.objects[id] {
		if version >= highest {
			in, highest, ok = o, version, true
		}
	}
	return in, ok
}

// sight is what the root leads to.
type sight struct {
	w      *watched
	data   map[clfs.ID]string // of all that was found; nothing but of regular files
	above  map[clfs.ID]bool   // the directories on the way
	names  []string           // stand-ins
	faults []string
}

func (w *watched) see() *sight {
	s := &sight{w: w, data: map[clfs.ID]string{}, above: map[clfs.ID]bool{}}
	if _, ok := w.newest(clfs.RootID); ok {
		s.visit(clfs.RootID, "")
	}
	return s
}

func (s *sight) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

func (s *sight) visit(id clfs.ID, path string) {
	in, ok := s.w.newest(id)
	switch _, before := s.data[id]; {
	case s.above[id]:
		s.fault("%s leads in a circle", path)
		return
	case before:
		return
	case !ok:
		s.fault("%s is listed and has no inode", path)
		return
	}
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
		s.list(o.Dirents, path, names)
	}
	delete(s.above, id)
}

func (s *sight) list(raw []byte, path string, names map[string]bool) {
	for d, err := range clfs.Dirents(raw) {
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
