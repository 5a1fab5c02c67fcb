package scan

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/blockmap"
	"clfsload/clfs/object"
	"clfsload/state"
)

// Scratch is a database for the parts of a survey that are not kept in memory. Its statements are
// sqlite's.
type Scratch interface {
	// Exec runs a statement and returns how many rows it changed.
	Exec(query string, args ...any) (int64, error)
	// Row reads the first row of a query into dest, if there is one.
	Row(query string, args []any, dest ...any) (found bool, err error)
}

// Survey describes a tree, and the cost of loading it.
type Survey struct {
	Names   map[clfs.Type]int64 // by type, the root included
	Objects int64               // inodes that would be made
	Bytes   int64               // contents of their regular files

	LinkGroups  int64 // source inodes other than directories of which several names were found
	LinkedNames int64 // their names

	LargestDirectory Largest // Size counts entries
	LargestFile      Largest // Size counts bytes
	Unreadable       int64   // entries reported to Options.Failed

	Segments          int64 // blobs with contents of files
	DirectorySegments int64 // blobs with entries of directories; a few more or less when loaded
	IndirectBlocks    int64 // blobs with block maps
	JournalBytes      int64 // estimate of the journal's size
}

// Largest is the entry that is larger than all others.
type Largest struct {
	Path string // below the root; "" is the root itself
	Size int64
}

func (l *Largest) offer(path string, size int64) {
	if size > l.Size {
		*l = Largest{path, size}
	}
}

// Entries counts all names.
func (s *Survey) Entries() (n int64) {
	for _, names := range s.Names {
		n += names
	}
	return n
}

// Blobs counts the blobs that a load would write, the bucket object included and
// logs not.
func (s *Survey) Blobs() int64 {
	return 1 + s.Objects + s.Segments + s.DirectorySegments + s.IndirectBlocks
}

// Surveyor visits a whole tree without a journal. Its memory does not grow with the tree: waiting
// directories and hard links are in a Scratch.
type Surveyor struct {
	tree     *Tree
	options  Options
	preserve bool // hard links
	queue    *pathQueue
	links    *linkCounter

	mu     sync.Mutex
	survey Survey
}

// NewSurveyor returns a Surveyor for a tree that would be loaded with these options. The Scratch
// must be empty; the Surveyor owns it from now on.
func NewSurveyor(tree *Tree, o Options, preserveHardlinks bool, s Scratch) (*Surveyor, error) {
	queue, err := newPathQueue(s)
	if err != nil {
		return nil, err
	}
	links, err := newLinkCounter(s)
	if err != nil {
		return nil, err
	}
	return &Surveyor{tree: tree, options: o, preserve: preserveHardlinks, queue: queue, links: links,
		survey: Survey{Names: map[clfs.Type]int64{clfs.TypeDirectory: 1}, Objects: 1, JournalBytes: journalEmptyBytes}}, nil
}

// Survey returns the survey so far.
func (s *Surveyor) Survey() Survey {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.survey
	out.Names = make(map[clfs.Type]int64, len(s.survey.Names))
	for t, n := range s.survey.Names {
		out.Names[t] = n
	}
	return out
}

// Run visits the tree. Unreadable entries go to Options.Failed; an unreadable root directory is a
// *SourceError.
func (s *Surveyor) Run(ctx context.Context) error {
	if err := s.queue.push(""); err != nil {
		return err
	}
	g, working := errgroup.WithContext(ctx)
	defer context.AfterFunc(working, s.queue.stop)()
	for range s.options.Workers {
		g.Go(func() error { return s.work(working) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

func (s *Surveyor) work(ctx context.Context) error {
	for {
		dir, ok, err := s.queue.pop()
		if err != nil || !ok {
			return err
		}
		if err := s.directory(ctx, dir); err != nil {
			return err
		}
		s.queue.done()
	}
}

// directory visits the entries of one directory.
func (s *Surveyor) directory(ctx context.Context, dir string) error {
	f, err := s.tree.openDirectory(dir)
	if err != nil {
		return s.failDirectory(dir, "open", err)
	}
	defer f.Close()
	here := s.options.Filter.At(dir)
	listing := listingSize{used: 2 * object.DirentSize(1, handleBytes)}
	for ctx.Err() == nil {
		names, err := f.Readdirnames(batchNames)
		if err != nil && !errors.Is(err, io.EOF) {
			return s.failDirectory(dir, "readdir", err)
		}
		if len(names) == 0 {
			s.count(func(v *Survey) { v.addListing(dir, &listing) })
			return nil
		}
		entries, err := s.tree.lookAt(f, names, here)
		if err != nil {
			return err
		}
		for i := range entries {
			if err := s.entry(f, dir, &entries[i], &listing); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Surveyor) failDirectory(dir, op string, err error) error {
	p := problem(op, err)
	if dir == "" {
		return &SourceError{Path: s.tree.path, Op: p.Op, Err: errors.New(p.Reason)}
	}
	s.fail(dir, p)
	return nil
}

func (s *Surveyor) fail(path string, p state.Failure) {
	s.count(func(v *Survey) { v.Unreadable++ })
	s.options.Failed(path, p)
}

func (s *Surveyor) count(add func(*Survey)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add(&s.survey)
}

// entry counts one entry of a directory.
func (s *Surveyor) entry(f *os.File, dir string, e *state.Entry, listing *listingSize) error {
	p := path.Join(dir, string(e.Name))
	if e.Failure == nil && e.Attr.Type == clfs.TypeRegular {
		e.Failure = unreadable(f, string(e.Name))
	}
	if e.Failure != nil {
		s.fail(p, *e.Failure)
		return nil
	}
	listing.add(len(e.Name))
	isNew, group := true, int64(0)
	if e.Attr.Nlink > 1 && e.Attr.Type != clfs.TypeDirectory {
		n, err := s.links.add(e.Attr)
		if err != nil {
			return err
		}
		group = n
		isNew = !s.preserve || n%clfs.MaxLinks == 1
	}
	s.count(func(v *Survey) { v.addEntry(p, e, isNew, group) })
	if e.Attr.Type == clfs.TypeDirectory {
		return s.queue.push(p)
	}
	return nil
}

// addEntry counts an entry; isNew: an inode is created for it; group is how many names of its
// source inode were found, 0 for one that has no others.
func (s *Survey) addEntry(path string, e *state.Entry, isNew bool, group int64) {
	s.Names[e.Attr.Type]++
	s.JournalBytes += journalBytes(len(e.Name)+len(e.Target), isNew, group > 0)
	switch {
	case group == 2: // the first of them was not known to have other names
		s.LinkGroups, s.LinkedNames = s.LinkGroups+1, s.LinkedNames+2
	case group > 2:
		s.LinkedNames++
	}
	if !isNew {
		return
	}
	s.Objects++
	if e.Attr.Type != clfs.TypeRegular {
		return
	}
	s.Bytes += e.Attr.Size
	s.LargestFile.offer(path, e.Attr.Size)
	segments := clfs.SegmentCount(uint64(e.Attr.Size))
	s.Segments += int64(segments)
	s.IndirectBlocks += indirectBlocks(segments)
}

// unreadable checks whether this process may read a file, without opening it.
func unreadable(dir *os.File, name string) *state.Failure {
	err := retryEINTR(func() error { return unix.Faccessat(int(dir.Fd()), name, unix.R_OK, unix.AT_EACCESS) })
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	p := problem("open", err)
	return &p
}

// handleBytes is the length of a handle in a directory entry.
const handleBytes = 24

// listingSize packs the entries of a directory into segments, as they come.
type listingSize struct {
	entries  int64
	used     int
	segments uint64 // that are full, the one in the inode included
}

func (l *listingSize) add(nameLen int) {
	size := object.DirentSize(nameLen, handleBytes)
	if !object.DirentFits(l.segments == 0, l.used, size) {
		l.segments, l.used = l.segments+1, 0
	}
	l.used += size
	l.entries++
}

func (s *Survey) addListing(dir string, l *listingSize) {
	s.LargestDirectory.offer(dir, l.entries)
	s.DirectorySegments += int64(l.segments)
	s.IndirectBlocks += indirectBlocks(l.segments)
}

func indirectBlocks(segments uint64) (n int64) {
	for _, tree := range blockmap.IndirectCount(segments) {
		for _, blocks := range tree {
			n += int64(blocks)
		}
	}
	return n
}

// Bytes of a row in the journal, measured on journals of real trees, with index entries and the
// free space of b-trees. A name is in both rows.
const (
	journalEmptyBytes  = 150_000
	journalInodeBytes  = 112
	journalDirentBytes = 25
	journalLinkBytes   = 30 // rows that only one of several links has
)

func journalBytes(nameLen int, isNew, linked bool) int64 {
	n := journalDirentBytes + int64(nameLen)*7/4
	if isNew {
		n += journalInodeBytes + int64(nameLen)
	}
	if linked {
		n += journalLinkBytes
	}
	return n
}
