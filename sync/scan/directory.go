package scan

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/scan/filter"
)

const (
	// batchNames is how many entries are listed and committed at a time.
	batchNames = 1024
	// statSlice is how many of them one goroutine reads: enough to be worth a goroutine, few enough
	// that a network file system gets parallel requests.
	statSlice = 64
)

// scanDirectory commits all entries of a directory.
func (s *Scanner) scanDirectory(ctx context.Context, dir state.Inode) error {
	path, err := s.sourcePath(ctx, dir)
	if err != nil {
		return err
	}
	f, err := s.tree.openDirectory(path)
	if err != nil {
		return s.failDirectory(ctx, dir, path, problem("open", err))
	}
	defer f.Close()
	here := s.options.Filter.At(path)
	d := &directory{scanner: s, row: dir, path: path, open: f, here: here}
	if err := d.renew(ctx); err != nil {
		return s.failMerge(ctx, d, err)
	}
	for {
		names, err := f.Readdirnames(batchNames)
		if err != nil && !errors.Is(err, io.EOF) {
			return s.failDirectory(ctx, dir, path, problem("readdir", err))
		}
		last := len(names) == 0
		entries, err := s.tree.lookAt(f, names, here)
		if err != nil {
			return err
		}
		if err := d.add(ctx, entries, last); err != nil {
			return s.failMerge(ctx, d, err)
		}
		s.tellProblems(path, entries)
		if last {
			return nil
		}
	}
}

// sourcePath is the path of a directory in the source.
func (s *Scanner) sourcePath(ctx context.Context, dir state.Inode) (string, error) {
	path, err := s.journal.Path(ctx, dir)
	return s.journal.Settings.SourcePath(path), err
}

// directory is a directory of the source that is scanned.
type directory struct {
	scanner *Scanner
	row     state.Inode
	path    string // below the root of the source
	open    *os.File
	here    filter.Directory
}

// add commits entries.
func (d *directory) add(ctx context.Context, entries []state.Entry, last bool) error {
	if d.scanner.options.Merge == nil {
		return d.scanner.journal.AddEntries(ctx, d.row, entries, last)
	}
	if err := d.merge(ctx, entries); err != nil || !last {
		return err
	}
	if err := d.noteExtras(ctx); err != nil {
		return err
	}
	return d.scanner.journal.EndScan(ctx, d.row.Ino)
}

// renew records the attributes of a directory at its listing, if they have changed since it was
// found: they belong to the listed entries.
func (d *directory) renew(ctx context.Context) error {
	now, err := d.scanner.tree.fstat(int(d.open.Fd()))
	if err != nil || now.Type != d.row.Attr.Type {
		return nil // the listing will report the error
	}
	if d.scanner.options.Merge != nil {
		return d.mergeAttributes(ctx, now)
	}
	if now.SameContents(d.row.Attr) {
		return nil
	}
	return d.scanner.journal.RenewDirectory(ctx, d.row, now)
}

func (s *Scanner) failDirectory(ctx context.Context, dir state.Inode, path string, p state.Failure) error {
	if path == "" {
		return &SourceError{Path: s.tree.path, Op: p.Op, Err: errors.New(p.Reason)}
	}
	if err := s.journal.FailDirectory(ctx, dir, p); err != nil {
		return err
	}
	s.options.Failed(path, p)
	return nil
}

func (s *Scanner) tellProblems(path string, entries []state.Entry) {
	for _, e := range entries {
		if e.Failure != nil {
			s.options.Failed(filepath.Join(path, string(e.Name)), *e.Failure)
		}
	}
}

// lookAt returns the entries for some names of an open directory that pass the filter. It leaves
// out names that no longer exist.
func (t *Tree) lookAt(dir *os.File, names []string, here filter.Directory) ([]state.Entry, error) {
	all := make([]state.Entry, len(names))
	var g errgroup.Group
	for from := 0; from < len(names); from += statSlice {
		to := min(from+statSlice, len(names))
		g.Go(func() error {
			for i := from; i < to; i++ {
				all[i] = t.entryOf(dir, names[i])
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	kept := all[:0]
	for _, e := range all {
		if e.Name != nil && takes(here, &e) {
			t.refuseGenerated(dir, &e)
			kept = append(kept, e)
		}
	}
	return kept, nil
}

// takes reports whether an entry passes a filter. If its attributes could not be read, it may be a
// directory or anything else.
func takes(here filter.Directory, e *state.Entry) bool {
	name := string(e.Name)
	if e.Failure != nil {
		return here.Takes(name, false) || here.Takes(name, true)
	}
	return here.Takes(name, e.Attr.Type == clfs.TypeDirectory)
}

// entryOf reads one name; if the name no longer exists, the entry has no Name.
func (t *Tree) entryOf(dir *os.File, name string) state.Entry {
	e := state.Entry{Name: []byte(name)}
	a, err := t.lstat(dir, name)
	op := "lstat"
	if err == nil && a.Type == clfs.TypeSymlink {
		op = "readlink"
		e.Target, err = readlink(dir, name)
		a.Size = int64(len(e.Target))
	}
	if errors.Is(err, unix.ENOENT) {
		return state.Entry{}
	}
	if err != nil {
		p := problem(op, err)
		return state.Entry{Name: e.Name, Failure: &p}
	}
	e.Attr = a
	return e
}

// problem describes an error without the path, which the journal has.
func problem(op string, err error) state.Failure {
	var pathErr *os.PathError
	var callErr *os.SyscallError
	switch {
	case errors.As(err, &pathErr):
		err = pathErr.Err
	case errors.As(err, &callErr):
		err = callErr.Err
	}
	gone := errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
	return state.Failure{Op: op, Reason: err.Error(), Gone: gone}
}
