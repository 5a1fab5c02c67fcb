package scan

import (
	"context"
	"errors"
	"iter"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/scan/filter"
)

// noteExtras records the entries of the directory that the source does not have and that pass the
// filter.
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

// lacks reports whether an open directory has no such name, as far as is known, or an entry of that
// name that the filter excludes.
func (t *Tree) lacks(dir int, name string, here filter.Directory) bool {
	var st unix.Stat_t
	err := retryEINTR(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT) })
	if err != nil {
		return errors.Is(err, unix.ENOENT)
	}
	return !here.Takes(name, st.Mode&unix.S_IFMT == unix.S_IFDIR)
}
