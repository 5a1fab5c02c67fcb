package writable

import (
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"clfsload/state"
)

// Offsets in a directory: behind the entry for itself, behind the one for the
// directory above, and from there on the cookies of the journal.
const (
	behindSelf   = 1
	behindParent = 2
)

// directories counts the handles of directories.
type directories struct {
	mu   sync.Mutex
	open map[state.Ino]int
}

func (d *directories) has(ino state.Ino) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open[ino] > 0
}

func (d *directories) add(ino state.Ino, n int) (left int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[ino] += n; d.open[ino] > 0 {
		return d.open[ino]
	}
	delete(d.open, ino)
	return 0
}

// listing is a directory as somebody has opened it. It keeps entries that were
// read from the journal and not listed yet, as long as nothing changes in the mount.
type listing struct {
	dir state.Ino

	mu      sync.Mutex
	entries []state.Listed
	after   uint64 // the offset that they come behind
	changes uint64 // of the mount, when they were read
	whole   bool   // nothing comes behind them
	begun   bool   // all entries are in the journal, and stay there while it is open
}

// begin makes sure that all entries are in the journal.
func (l *listing) begin(s *FS) error {
	if l.begun {
		return nil
	}
	if err := s.partial.CheckOpened(l.dir); err != nil {
		return err
	}
	n, err := s.nodes.Get(s.ctx, l.dir)
	if err == nil && n.Flags&state.Unordered != 0 {
		if err := s.journal.Order(s.ctx, l.dir); err != nil {
			return err
		}
		s.nodes.Invalidate(l.dir)
	}
	l.begun = true
	return nil
}

// OpenDir opens a directory.
func (s *FS) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	ino := state.Ino(in.NodeId)
	s.directories.add(ino, 1)
	s.partial.Use(ino)
	out.Fh = s.listings.add(&listing{dir: ino})
	return fuse.OK
}

// ReleaseDir takes a handle of a directory back.
func (s *FS) ReleaseDir(in *fuse.ReleaseIn) {
	if l, found := s.listings.remove(in.Fh); found && s.directories.add(l.dir, -1) == 0 {
		s.reaper.Unused(l.dir)
	}
}

// FsyncDir makes the names in a directory durable, and everything else that the
// journal knows.
func (s *FS) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return s.fail("fsync", state.Ino(in.NodeId), s.journal.Sync(s.ctx))
}

// ReadDir lists names.
func (s *FS) ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return s.list(cancel, in, func(e fuse.DirEntry, _ *state.Node) bool { return out.AddDirEntry(e) })
}

// ReadDirPlus lists names with their attributes.
func (s *FS) ReadDirPlus(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return s.list(cancel, in, func(e fuse.DirEntry, n *state.Node) bool {
		entry := out.AddDirLookupEntry(e)
		if entry == nil {
			return false
		}
		if n != nil && n.State != state.Remote {
			s.entry(*n, entry)
		}
		return true
	})
}

// list adds entries from an offset on until add refuses one.
func (s *FS) list(cancel <-chan struct{}, in *fuse.ReadIn, add func(fuse.DirEntry, *state.Node) bool) fuse.Status {
	l, err := s.listings.get(in.Fh)
	if err != nil {
		return fuse.EBADF
	}
	offset := in.Offset
	if offset < behindParent {
		if !s.addDots(l.dir, offset, add) {
			return fuse.OK
		}
		offset = behindParent
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := s.partial.Retry(caller(cancel, &in.InHeader), func() error { return l.begin(s) }); err != nil {
		return s.fail("readdir", l.dir, err)
	}
	defer s.partial.Pin()()
	for {
		if err := l.fill(s, offset, int(in.Size)); err != nil {
			return s.fail("readdir", l.dir, err)
		}
		for i := range l.entries {
			e := &l.entries[i]
			d := fuse.DirEntry{Name: string(e.Name), Ino: uint64(e.Node.Ino), Mode: e.Node.Attr.Type.ModeBits(), Off: e.Cookie}
			if !add(d, &e.Node) {
				l.entries = l.entries[i:]
				return fuse.OK
			}
			l.after, offset = e.Cookie, e.Cookie
		}
		l.entries = nil
		if l.whole {
			return fuse.OK
		}
	}
}

// addDots adds the two entries that the journal does not have.
func (s *FS) addDots(dir state.Ino, offset uint64, add func(fuse.DirEntry, *state.Node) bool) bool {
	parent := dir
	if n, err := s.nodes.Get(s.ctx, dir); err == nil {
		parent = n.Parent
	}
	dots := []fuse.DirEntry{
		{Name: ".", Ino: uint64(dir), Mode: unix.S_IFDIR, Off: behindSelf},
		{Name: "..", Ino: uint64(parent), Mode: unix.S_IFDIR, Off: behindParent},
	}
	for _, d := range dots[offset:] {
		if !add(d, nil) {
			return false
		}
	}
	return true
}

// entryBytes is about what an entry takes in an answer, and mostEntries how many
// are read ahead of one.
const (
	entryBytes  = 160
	mostEntries = 512
)

// fill reads entries behind an offset, if those at hand are not the right ones or
// may not be true any more: an entry that is gone must not be listed, because the
// kernel would believe in it.
func (l *listing) fill(s *FS, offset uint64, size int) error {
	changes := s.nodes.Changes()
	if l.after == offset && l.changes == changes && (len(l.entries) > 0 || l.whole) {
		return nil
	}
	limit := min(max(size/entryBytes, 16), mostEntries)
	if l.after == offset && offset > behindParent && l.changes == changes {
		limit = mostEntries // nothing changes: read ahead
	}
	entries, err := s.journal.List(s.ctx, l.dir, offset, limit)
	if err != nil {
		return err
	}
	l.entries, l.after, l.changes, l.whole = entries, offset, changes, len(entries) < limit
	return nil
}
