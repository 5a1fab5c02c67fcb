package scan

import (
	"context"
	"errors"
	"io"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"clfsload/clfs"
	"clfsload/state"
)

// Merge has the settings for a scan into an existing namespace.
type Merge struct {
	Namespace Namespace
	// Merged is called, possibly from several goroutines, for every entry that was compared, with
	// its path below the root of the source; "" is the source itself.
	Merged func(path string, e *state.Entry, m state.Merged)
	// Removed is called for every entry that is removed, with its path below the root of the source.
	Removed func(path string, isDir bool)
	// NothingRemoved is called if nothing is removed because parts of the source are not known.
	NothingRemoved func()
}

// Namespace gives access to the part of the namespace that only the container has.
type Namespace interface {
	// Read adopts the part that a refused change needs.
	Read(ctx context.Context, u state.Unread) error
	// SameContents reports whether a file of the same size has these contents.
	SameContents(ctx context.Context, id clfs.ID, contents io.ReaderAt) (bool, error)
	// IsDamage reports whether an error is damage of the container, not a failed read.
	IsDamage(err error) bool
}

// readAtOnce is how many inodes of a directory are read from the container at a time.
const readAtOnce = 64

// merge commits entries of a directory that may have existed before.
func (d *directory) merge(ctx context.Context, entries []state.Entry) error {
	if err := d.readAhead(ctx, entries); err != nil {
		return err
	}
	s := d.scanner
	for len(entries) > 0 {
		list, unread, err := s.journal.MergeEntries(ctx, d.row.Ino, entries)
		if err != nil {
			return err
		}
		for i := range list {
			if err := d.merged(ctx, &entries[i], list[i]); err != nil {
				return err
			}
		}
		entries = entries[len(list):]
		if unread == nil {
			continue
		}
		err = s.options.Merge.Namespace.Read(ctx, *unread)
		switch {
		case err == nil:
		case unread.Ino != d.row.Ino && s.options.Merge.Namespace.IsDamage(err):
			entries[0].Failure = damage(err)
		default:
			return err
		}
	}
	return nil
}

// damage is the failure of an entry that cannot be compared.
func damage(err error) *state.Failure {
	return &state.Failure{Op: "read from the container", Reason: err.Error()}
}

// merged reports the outcome of an entry, and makes room for one whose name a directory has.
func (d *directory) merged(ctx context.Context, e *state.Entry, m state.Merged) error {
	s, path := d.scanner, filepath.Join(d.path, string(e.Name))
	if m.Outcome == state.InTheWay {
		return d.makeRoom(ctx, e)
	}
	if m.Outcome == state.Refused {
		s.options.Failed(path, m.Failure)
	}
	if e.Failure == nil && (e.Attr.Type != clfs.TypeDirectory || m.Outcome != state.Kept) { // it is told when it is listed
		s.options.Merge.Merged(path, e, m)
	}
	return nil
}

// makeRoom merges an entry if it or its predecessor is a directory. That is possible only if the
// entry can be read and, with --delete, takes everything with it.
func (d *directory) makeRoom(ctx context.Context, e *state.Entry) error {
	s := d.scanner
	if e.Attr.Type == clfs.TypeRegular || e.Attr.Type == clfs.TypeDirectory {
		e.Failure = unreadable(d.open, string(e.Name))
	}
	e.Readable = true
	if e.Failure == nil && s.journal.Settings.Merge.Delete {
		x := state.Extra{Dir: d.row.Ino, Name: e.Name}
		path := filepath.Join(d.path, string(e.Name))
		all, err := s.takesAll(ctx, x, path)
		if err == nil && all {
			_, err = s.removeBelow(ctx, x, path)
		}
		if err != nil {
			return err
		}
	}
	return d.merge(ctx, []state.Entry{*e})
}

// readAhead reads the attributes of entries that the namespace has, many at a time, and compares
// contents if requested.
func (d *directory) readAhead(ctx context.Context, entries []state.Entry) error {
	s := d.scanner
	how := s.journal.Settings.Merge.Compare
	if how == state.CompareNames {
		return nil
	}
	dir, err := s.journal.Node(ctx, d.row.Ino)
	if err != nil || how != state.CompareContents && dir.Flags&state.Adopted == 0 {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readAtOnce)
	for i := range entries {
		n, err := s.journal.Lookup(ctx, d.row.Ino, entries[i].Name)
		if errors.Is(err, state.ErrNoEntry) || err == nil && (n.IsDirectory() || n.Attr.Type != entries[i].Attr.Type) {
			continue
		}
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		if n.State == state.Remote || how == state.CompareContents {
			g.Go(func() error { return d.lookInto(ctx, &entries[i], n) })
		}
	}
	return g.Wait()
}

// lookInto reads the parts of an entry to compare; the namespace has the entry as n.
func (d *directory) lookInto(ctx context.Context, e *state.Entry, n state.Node) (err error) {
	s := d.scanner
	if n.State == state.Remote {
		err = s.options.Merge.Namespace.Read(ctx, state.Unread{Ino: n.Ino, Part: state.Attributes})
		if err == nil {
			n, err = s.journal.Node(ctx, n.Ino)
		}
		if err != nil && s.options.Merge.Namespace.IsDamage(err) {
			e.Failure = damage(err)
			return nil
		}
		if err != nil {
			return err
		}
	}
	if s.journal.Settings.Merge.Compare != state.CompareContents || n.Attr.Type != clfs.TypeRegular || n.Attr.Size != e.Attr.Size {
		return nil
	}
	if err := s.comparing.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.comparing.Release(1)
	return d.compareContents(ctx, e, n)
}

func (d *directory) compareContents(ctx context.Context, e *state.Entry, n state.Node) error {
	s := d.scanner
	f, err := s.tree.Open(filepath.Join(d.path, string(e.Name)))
	if err != nil {
		p := problem("open", err)
		e.Failure = &p
		return nil
	}
	defer f.Close()
	watched := &watchedFile{File: f}
	e.SameContents, err = s.options.Merge.Namespace.SameContents(ctx, n.ID, watched)
	if watched.err != nil {
		p := problem("read", watched.err)
		e.Failure = &p
		return nil
	}
	return err
}

// watchedFile distinguishes errors of reading a file from others.
type watchedFile struct {
	*File
	err error
}

func (f *watchedFile) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.File.ReadAt(p, offset)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// mergeAttributes compares the attributes of the directory itself.
func (d *directory) mergeAttributes(ctx context.Context, a state.Attr) error {
	s := d.scanner
	var m state.Merged
	err := s.reading(ctx, func() (err error) {
		m, err = s.journal.MergeDirectory(ctx, d.row.Ino, a)
		return err
	})
	if err == nil && (m.Outcome != state.Added || d.path == "") { // others were reported with the parent directory
		s.options.Merge.Merged(d.path, &state.Entry{Attr: a}, m)
	}
	return err
}

// failMerge turns the error into a failure of the directory, if it cannot be changed or if the
// container has damage there.
func (s *Scanner) failMerge(ctx context.Context, d *directory, err error) error {
	m := s.options.Merge
	switch {
	case m == nil || d.path == "":
		return err
	case errors.Is(err, state.ErrUnfaithful):
		return s.failDirectory(ctx, d.row, d.path, state.Failure{Op: "merge", Reason: state.ErrUnfaithful.Error()})
	case m.Namespace.IsDamage(err):
		return s.failDirectory(ctx, d.row, d.path, *damage(err))
	}
	return err
}
