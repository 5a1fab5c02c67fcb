package export

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
)

// inUse holds the paths that are being made, so that an entry that a damaged
// directory has twice is not written by two at a time.
type inUse struct {
	mu    sync.Mutex
	paths map[string]bool
}

// take reports whether nobody else has the path.
func (u *inUse) take(path string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.paths[path] {
		return false
	}
	if u.paths == nil {
		u.paths = make(map[string]bool)
	}
	u.paths[path] = true
	return true
}

func (u *inUse) give(path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.paths, path)
}

// make makes whatever is no directory, or leaves it to links if it is a further
// name of an inode.
func (x *Exporter) make(ctx context.Context, f *folder, e entry) error {
	first, err := x.claim(e)
	if err != nil || !first {
		return err
	}
	return x.makeNew(ctx, f, e)
}

func (x *Exporter) makeNew(ctx context.Context, f *folder, e entry) error {
	if !x.writing.take(e.target) {
		return errors.New("the directory has the name twice")
	}
	defer x.writing.give(e.target)
	st, found, err := f.stat(e.name)
	switch {
	case err != nil:
		return err
	case found && isSame(f, e, &st):
		x.skipped.Add(1)
		return x.made(e, e.name)
	case found && st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return errDirectoryInTheWay
	case found && !x.options.Overwrite:
		return ErrInTheWay
	}
	temporary := temporaryName(e)
	name, err := x.build(ctx, f, e, temporary)
	if err == nil {
		err = f.attributes(temporary, e.node.Inode.Attr, x.options.Owners)
	}
	if err == nil {
		err = f.settle(temporary, name, x.options.Overwrite)
	}
	if err != nil {
		f.remove(temporary)
		return err
	}
	x.count(e)
	return x.made(e, name)
}

// build makes the file under its temporary name. It returns the name that it is
// to have: its own, unless a part of it could not be read.
func (x *Exporter) build(ctx context.Context, f *folder, e entry, temporary string) (name string, err error) {
	a := e.node.Inode.Attr
	if a.Type == clfs.TypeRegular {
		return x.writeFile(ctx, f, e, temporary)
	}
	if err := f.remove(temporary); err != nil {
		return "", err
	}
	if a.Type == clfs.TypeSymlink {
		return e.name, unix.Symlinkat(string(e.node.Target()), f.fd, temporary)
	}
	device := 0
	if a.Type == clfs.TypeBlock || a.Type == clfs.TypeChar {
		device = int(unix.Mkdev(a.RdevMajor, a.RdevMinor))
	}
	err = unix.Mknodat(f.fd, temporary, a.Type.ModeBits()|0o600, device)
	if err == unix.EPERM {
		return "", fmt.Errorf("make %s, which takes root: %w", a.Type, err)
	}
	if err != nil {
		return "", fmt.Errorf("make %s: %w", a.Type, err)
	}
	return e.name, nil
}

func (x *Exporter) count(e entry) {
	if e.node.Type() == clfs.TypeRegular {
		x.files.Add(1)
	} else {
		x.others.Add(1)
	}
}

// isSame reports whether what is on disk is what a run before has put there: for
// a file, the same size and mtime.
func isSame(f *folder, e entry, st *unix.Stat_t) bool {
	a := e.node.Inode.Attr
	if st.Mode&unix.S_IFMT != a.Type.ModeBits() {
		return false
	}
	switch a.Type {
	case clfs.TypeRegular:
		return st.Size == int64(a.Size) && st.Mtim == timespec(a.Mtime)
	case clfs.TypeSymlink:
		target := make([]byte, len(e.node.Target())+1)
		n, err := unix.Readlinkat(f.fd, e.name, target)
		return err == nil && string(target[:n]) == string(e.node.Target())
	case clfs.TypeBlock, clfs.TypeChar:
		return st.Rdev == unix.Mkdev(a.RdevMajor, a.RdevMinor)
	}
	return true
}
