package scan

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/scan/filter"
)

// noteExtras notes the entries of the directory that the source does not have and the filter
// would take.
func (d *directory) noteExtras(ctx context.Context) error {
	s := d.scanner
	if !s.journal.Settings.Merge.Delete {
		return nil
	}
	for page, err := range s.pages(ctx, d.row.Ino) {
		if err != nil {
			return err
		}
		var extras [][]byte
		for _, e := range page {
			if e.Existing && d.here.Takes(string(e.Name), e.Type == clfs.TypeDirectory) && s.tree.lacks(int(d.open.Fd()), string(e.Name), d.here) {
				extras = append(extras, e.Name)
			}
		}
		if len(extras) > 0 {
			if err := s.journal.NoteExtras(ctx, d.row.Ino, extras); err != nil {
				return err
			}
		}
	}
	return nil
}

// pages goes over the entries of a directory of the namespace, a page at a time.
func (s *Scanner) pages(ctx context.Context, dir state.Ino) iter.Seq2[[]state.MergeEntry, error] {
	return func(yield func([]state.MergeEntry, error) bool) {
		for after := []byte{}; ; {
			page, err := s.journal.EntriesOf(ctx, dir, after, batchNames)
			if err == nil && len(page) == 0 || !yield(page, err) || err != nil {
				return
			}
			after = page[len(page)-1].Name
		}
	}
}

// lacks reports whether an open directory has no such name, as far as is known, or something of
// that name that the filter leaves out.
func (t *Tree) lacks(dir int, name string, here filter.Directory) bool {
	var st unix.Stat_t
	err := retryEINTR(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT) })
	if err != nil {
		return errors.Is(err, unix.ENOENT)
	}
	return !here.Takes(name, st.Mode&unix.S_IFMT == unix.S_IFDIR)
}

// removeExtras removes what the source does not have, unless parts of the source are not known.
func (s *Scanner) removeExtras(ctx context.Context) error {
	if s.options.Merge == nil || !s.journal.Settings.Merge.Delete {
		return nil
	}
	failed, err := s.journal.ScanFailed(ctx)
	if err != nil {
		return err
	}
	for {
		page, err := s.journal.Extras(ctx, batchNames)
		if err != nil || len(page) == 0 {
			return err
		}
		if failed {
			s.options.Merge.NothingRemoved()
			return nil
		}
		for _, x := range page {
			if err := s.removeExtra(ctx, x); err != nil {
				return err
			}
		}
	}
}

func (s *Scanner) removeExtra(ctx context.Context, x state.Extra) error {
	dir, err := s.journal.Node(ctx, x.Dir)
	if errors.Is(err, state.ErrNoEntry) || err == nil && dir.State == state.Removed {
		return s.journal.DropExtra(ctx, x)
	}
	if err != nil {
		return err
	}
	path, err := s.sourcePath(ctx, dir.Inode)
	if err != nil {
		return err
	}
	f, err := s.tree.openDirectory(path)
	if err != nil {
		return s.journal.DropExtra(ctx, x) // the source has changed: it is none for sure
	}
	here := s.options.Filter.At(path)
	gone := s.tree.lacks(int(f.Fd()), string(x.Name), here)
	if err := f.Close(); err != nil {
		return err
	}
	if gone {
		path = filepath.Join(path, string(x.Name))
		_, err := s.remove(ctx, x, true, path)
		if err != nil && s.options.Merge.Namespace.IsDamage(err) {
			err = s.failExtra(ctx, x, path, *damage(err))
		}
		if err != nil {
			return err
		}
	}
	return s.journal.DropExtra(ctx, x)
}

// remove removes an entry with all below it that the filter takes. inSource: see
// state.Journal.RemoveEntry. kept: something is left.
func (s *Scanner) remove(ctx context.Context, x state.Extra, inSource bool, path string) (kept bool, err error) {
	n, err := s.journal.Lookup(ctx, x.Dir, x.Name)
	if errors.Is(err, state.ErrNoEntry) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	if n.IsDirectory() {
		if kept, err = s.removeBelow(ctx, x, path); kept || err != nil {
			return kept, err
		}
	}
	err = s.reading(ctx, func() error { return s.journal.RemoveEntry(ctx, x, inSource, time.Now().UnixNano()) })
	if errors.Is(err, state.ErrUnfaithful) {
		return true, s.failExtra(ctx, x, path, state.Problem{Op: "remove", Reason: state.ErrUnfaithful.Error()})
	}
	if err == nil {
		s.options.Merge.Removed(path, n.IsDirectory())
	}
	return false, err
}

func (s *Scanner) failExtra(ctx context.Context, x state.Extra, path string, p state.Problem) error {
	s.options.Failed(path, p)
	return s.journal.FailExtra(ctx, x, p)
}

// takesAll reports whether the filter takes all that is below a directory.
func (s *Scanner) takesAll(ctx context.Context, x state.Extra, path string) (all bool, err error) {
	n, err := s.listed(ctx, x)
	if err != nil || !n.IsDirectory() {
		return true, err
	}
	here := s.options.Filter.At(path)
	for page, err := range s.pages(ctx, n.Ino) {
		if err != nil {
			return false, err
		}
		for _, e := range page {
			isDir := e.Type == clfs.TypeDirectory
			all := here.Takes(string(e.Name), isDir)
			if all && isDir {
				all, err = s.takesAll(ctx, state.Extra{Dir: n.Ino, Name: e.Name}, filepath.Join(path, string(e.Name)))
			}
			if err != nil || !all {
				return false, err
			}
		}
	}
	return true, nil
}

// listed returns the node of an entry. If it is a directory its entries are in the journal.
func (s *Scanner) listed(ctx context.Context, x state.Extra) (n state.Node, err error) {
	n, err = s.journal.Lookup(ctx, x.Dir, x.Name)
	if err == nil && n.IsDirectory() && n.Flags&state.Unlisted != 0 {
		err = s.options.Merge.Namespace.Read(ctx, state.Unread{Ino: n.Ino, Part: state.Entries})
	}
	return n, err
}

// removeBelow removes what is below a directory, and the filter takes.
func (s *Scanner) removeBelow(ctx context.Context, x state.Extra, path string) (kept bool, err error) {
	n, err := s.listed(ctx, x)
	if err != nil || !n.IsDirectory() {
		return err != nil, err
	}
	here := s.options.Filter.At(path)
	for page, err := range s.pages(ctx, n.Ino) {
		if err != nil {
			return true, err
		}
		if err := s.readPage(ctx, page); err != nil {
			return true, err
		}
		for _, e := range page {
			if !here.Takes(string(e.Name), e.Type == clfs.TypeDirectory) {
				kept = true
				continue
			}
			left, err := s.remove(ctx, state.Extra{Dir: n.Ino, Name: e.Name}, false, filepath.Join(path, string(e.Name)))
			if err != nil {
				return true, err
			}
			kept = kept || left
		}
	}
	return kept, nil
}

// readPage reads the attributes of entries, many at a time.
func (s *Scanner) readPage(ctx context.Context, page []state.MergeEntry) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readAtOnce)
	for _, e := range page {
		if e.Remote {
			g.Go(func() error {
				return s.options.Merge.Namespace.Read(ctx, state.Unread{Ino: e.Ino, Part: state.Attributes})
			})
		}
	}
	return g.Wait()
}

// reading makes a change, and reads what it is refused for.
func (s *Scanner) reading(ctx context.Context, change func() error) error {
	for {
		err := change()
		var unread *state.Unread
		if !errors.As(err, &unread) {
			return err
		}
		if err := s.options.Merge.Namespace.Read(ctx, *unread); err != nil {
			return err
		}
	}
}
