package scan

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"clfsload/clfs"
	"clfsload/state"
)

// removeExtras removes the entries that the source does not have, unless parts of the source are
// not known.
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
		if err := s.removeListed(ctx, page); err != nil {
			return err
		}
		if err := s.journal.DropExtras(ctx, page); err != nil {
			return err
		}
	}
}

// removeListed removes those of some extras that are still extras. They are in the order of their
// directories.
func (s *Scanner) removeListed(ctx context.Context, page []state.Extra) error {
	for len(page) > 0 {
		end := 1
		for end < len(page) && page[end].Dir == page[0].Dir {
			end++
		}
		extras, path, err := s.stillExtra(ctx, page[:end])
		if err != nil {
			return err
		}
		if err := s.removeFrom(ctx, extras, path); err != nil {
			return err
		}
		page = page[end:]
	}
	return nil
}

// stillExtra returns those of the extras of one directory that the source does not have, and the
// path of the directory. If the source has changed, it returns none, because none is certain.
func (s *Scanner) stillExtra(ctx context.Context, list []state.Extra) (extras []state.Extra, path string, err error) {
	dir, err := s.journal.Node(ctx, list[0].Dir)
	if errors.Is(err, state.ErrNoEntry) || err == nil && dir.State == state.Removed {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	if path, err = s.sourcePath(ctx, dir.Inode); err != nil {
		return nil, "", err
	}
	f, err := s.tree.openDirectory(path)
	if err != nil {
		return nil, "", nil
	}
	here := s.options.Filter.At(path)
	for _, x := range list {
		if s.tree.lacks(int(f.Fd()), string(x.Name), here) {
			extras = append(extras, x)
		}
	}
	return extras, path, f.Close()
}

// removeFrom removes extras of the directory at path. If the container has an entry only in part,
// that is a failure of the entry.
func (s *Scanner) removeFrom(ctx context.Context, extras []state.Extra, path string) error {
	left, err := s.removeFiles(ctx, extras, true, path)
	if err != nil {
		return err
	}
	for _, x := range left {
		path := filepath.Join(path, string(x.Name))
		_, err := s.remove(ctx, x, true, path)
		if err != nil && s.options.Merge.Namespace.IsDamage(err) {
			err = s.failExtra(ctx, x, path, *damage(err))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeFiles removes those of some entries of the directory at path that are not directories, in
// one transaction. left are the others, and all files from the first one that cannot be removed.
// inSource: see state.Journal.RemoveEntries.
func (s *Scanner) removeFiles(ctx context.Context, list []state.Extra, inSource bool, path string) (left []state.Extra, err error) {
	var files []state.Extra
	var unread []state.Ino
	for _, x := range list {
		n, err := s.journal.Lookup(ctx, x.Dir, x.Name)
		if errors.Is(err, state.ErrNoEntry) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n.State == state.Remote {
			unread = append(unread, n.Ino)
		}
		if n.IsDirectory() {
			left = append(left, x)
		} else {
			files = append(files, x)
		}
	}
	s.readAhead(ctx, unread)
	_ = s.reading(ctx, func() error {
		removed, err := s.journal.RemoveEntries(ctx, files, inSource, time.Now().UnixNano())
		for _, x := range files[:removed] {
			s.options.Merge.Removed(filepath.Join(path, string(x.Name)), false)
		}
		files = files[removed:]
		return err
	})
	return append(left, files...), nil // the obstacle to one removal is determined again, for that one
}

// remove removes an entry with everything below it that passes the filter. inSource: see
// state.Journal.RemoveEntries. kept: something remains.
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
	err = s.reading(ctx, func() error {
		_, err := s.journal.RemoveEntries(ctx, []state.Extra{x}, inSource, time.Now().UnixNano())
		return err
	})
	if errors.Is(err, state.ErrUnfaithful) {
		return true, s.failExtra(ctx, x, path, state.Failure{Op: "remove", Reason: state.ErrUnfaithful.Error()})
	}
	if err == nil {
		s.options.Merge.Removed(path, n.IsDirectory())
	}
	return false, err
}

func (s *Scanner) failExtra(ctx context.Context, x state.Extra, path string, p state.Failure) error {
	s.options.Failed(path, p)
	return s.journal.FailExtra(ctx, x, p)
}

// takesAll reports whether everything below a directory passes the filter.
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

// removeBelow removes all entries below a directory that pass the filter.
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
		var taken []state.Extra
		for _, e := range page {
			if here.Takes(string(e.Name), e.Type == clfs.TypeDirectory) {
				taken = append(taken, state.Extra{Dir: n.Ino, Name: e.Name})
			} else {
				kept = true
			}
		}
		left, err := s.removeFiles(ctx, taken, false, path)
		if err != nil {
			return true, err
		}
		for _, x := range left {
			some, err := s.remove(ctx, x, false, filepath.Join(path, string(x.Name)))
			if err != nil {
				return true, err
			}
			kept = kept || some
		}
	}
	return kept, nil
}

// readAhead reads the attributes of nodes, many at a time. Errors are found when the attributes are
// needed.
func (s *Scanner) readAhead(ctx context.Context, list []state.Ino) {
	var g errgroup.Group
	g.SetLimit(readAtOnce)
	for _, ino := range list {
		g.Go(func() error {
			return s.options.Merge.Namespace.Read(ctx, state.Unread{Ino: ino, Part: state.Attributes})
		})
	}
	_ = g.Wait()
}

// reading makes a change, and reads the part for which it is refused.
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
