package export

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// inUse holds the paths that are being made, so that a duplicate entry of a damaged directory is
// not written by two goroutines at a time.
type inUse struct {
	mu    sync.Mutex
	paths map[string]bool
}

// take reports whether the path was free.
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

// make makes any entry that is not a directory, or leaves it to links if it is a further name of an
// inode.
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
	case found && x.isSame(f, e, &st):
		x.skipped.Add(1)
		return x.made(e, e.name, &st)
	case found && st.isDir():
		return errDirectoryInTheWay
	case found && !x.options.Overwrite:
		return ErrInTheWay
	}
	temp, err := f.temporary()
	if err != nil {
		return err
	}
	d, name, err := x.build(ctx, temp, e)
	if err != nil {
		return err
	}
	defer d.discard()
	return x.finish(f, d, e, name)
}

// finish completes a draft that has its contents.
func (x *Exporter) finish(f *folder, d *draft, e entry, name string) error {
	a := e.node.Inode.Attr
	if err := x.rights.set(d.fd, a); err != nil {
		return err
	}
	var st status
	if e.isLinked() {
		var err error
		if st, err = statAt(d.fd, ""); err != nil {
			return err
		}
	}
	if err := d.close(); err != nil {
		return err
	}
	if err := d.settle(f, name, x.options.Overwrite); err != nil {
		return err
	}
	x.count(e)
	x.kept(a)
	return x.made(e, name, &st)
}

// build makes the file without its final name. It returns that name: the entry's, unless a part of
// it could not be read.
func (x *Exporter) build(ctx context.Context, temp *tempDir, e entry) (d *draft, name string, err error) {
	a := e.node.Inode.Attr
	switch a.Type {
	case clfs.TypeRegular:
		return x.writeFile(ctx, temp, e)
	case clfs.TypeSymlink:
		d, err = temp.construct(func(dir int, name string) error {
			return unix.Symlinkat(string(e.node.Target()), dir, name)
		})
	default:
		d, err = temp.construct(func(dir int, name string) error { return mknod(dir, name, a) })
	}
	if err != nil {
		return nil, "", fmt.Errorf("make %s: %w", a.Type, err)
	}
	return d, e.name, nil
}

// errNoDevice is about a device that an ordinary user exports.
var errNoDevice = errors.New("only root can make a device")

func mknod(dir int, name string, a object.Attr) error {
	device := 0
	isDevice := a.Type == clfs.TypeBlock || a.Type == clfs.TypeChar
	if isDevice {
		device = int(unix.Mkdev(a.RdevMajor, a.RdevMinor))
	}
	err := unix.Mknodat(dir, name, a.Type.ModeBits()|0o600, device)
	if err == unix.EPERM && isDevice {
		return errNoDevice
	}
	return err
}

func (x *Exporter) count(e entry) {
	if e.node.Type() == clfs.TypeRegular {
		x.files.Add(1)
	} else {
		x.others.Add(1)
	}
}

// isSame reports whether the file on disk comes from an earlier run: it has the owner, group and
// mode that an export gives, which no other user can give, and a file has the same size and mtime.
func (x *Exporter) isSame(f *folder, e entry, st *status) bool {
	a := e.node.Inode.Attr
	if st.kind() != a.Type.ModeBits() || !x.rights.isRestored(st, a, x.ownerIn(f, st)) {
		return false
	}
	switch a.Type {
	case clfs.TypeRegular:
		return st.Size == a.Size && st.hasTime(a.Mtime)
	case clfs.TypeSymlink:
		return linksTo(f, e.name, st, string(e.node.Target()))
	case clfs.TypeBlock, clfs.TypeChar:
		return st.Rdev_major == a.RdevMajor && st.Rdev_minor == a.RdevMinor
	}
	return true
}

// ownerIn is the owner of files that this user makes in f. Most file systems report the user; if st
// has another owner, ownerIn probes the file system.
func (x *Exporter) ownerIn(f *folder, st *status) uint32 {
	if x.rights.owners || st.Uid == x.rights.uid {
		return x.rights.uid
	}
	temp, err := f.temporary()
	if err != nil {
		return x.rights.uid
	}
	return temp.uid
}

// linksTo reports whether the symbolic link name, whose status is st, leads to target.
func linksTo(f *folder, name string, st *status, target string) bool {
	fd, now, err := f.look(name)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	found := make([]byte, len(target)+1)
	n, err := unix.Readlinkat(fd, "", found)
	return err == nil && now.identity() == st.identity() && string(found[:n]) == target
}
