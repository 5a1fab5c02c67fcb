package export

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/sync/tree"
)

// LostFoundName is the directory in the destination for inodes that no directory leads to. In it,
// each former directory, by its id, has a directory for its inodes.
const LostFoundName = "clfsload-lost+found"

// lostFound exports the inodes that the walk did not reach. Directories go first, because they lead
// to others: first those whose own parent is lost, then the rest, which are in loops.
func (x *Exporter) lostFound(ctx context.Context) error {
	for _, pass := range []func(context.Context, *tree.Node) (bool, error){x.isTop, isAnyDirectory, isAny} {
		if err := x.lostPass(ctx, pass); err != nil {
			return err
		}
	}
	return nil
}

func isAnyDirectory(_ context.Context, n *tree.Node) (bool, error) { return n.IsDir(), nil }

func isAny(context.Context, *tree.Node) (bool, error) { return true, nil }

// isTop reports whether a lost directory cannot be reached from another lost one.
func (x *Exporter) isTop(ctx context.Context, n *tree.Node) (bool, error) {
	if !n.IsDir() {
		return false, nil
	}
	parent, err := x.t.Node(ctx, x.parentOf(ctx, n))
	if isFatal(err) {
		return false, err
	}
	return err != nil || !parent.IsDir() || parent.ID == n.ID || x.done.Has(parent.Number), nil
}

// parentOf is the former directory of an inode, as recorded in it: ".." of a directory, the first
// back pointer of any other inode.
func (x *Exporter) parentOf(ctx context.Context, n *tree.Node) clfs.ID {
	if back := n.Inode.BackPointers; len(back) > 0 {
		return back[0]
	}
	for e, err := range x.t.Entries(ctx, n) {
		if err == nil && string(e.Name) == ".." {
			return e.ID
		}
	}
	return clfs.NullHandle
}

// lostPass exports the lost inodes that choose selects.
func (x *Exporter) lostPass(ctx context.Context, choose func(context.Context, *tree.Node) (bool, error)) error {
	index, err := x.t.Index(ctx)
	if err != nil {
		return err
	}
	return index.Each(ctx, func(e tree.Entry) error {
		n, err := x.lostInode(ctx, e)
		if n == nil || err != nil {
			return err
		}
		chosen, err := choose(ctx, n)
		if err != nil || !chosen {
			return err
		}
		return x.rescue(ctx, n)
	})
}

// lostInode reads the inode in a blob of the index, nil if it is not a lost one. An unreadable one
// is reported once and counts as done.
func (x *Exporter) lostInode(ctx context.Context, e tree.Entry) (*tree.Node, error) {
	name, err := clfs.ParseName(e.Name)
	if err != nil || !name.Type.IsInode() || name.ID == clfs.RootID || x.done.Has(e.Number) {
		return nil, nil
	}
	o, err := x.t.Find(ctx, name.ID)
	if err != nil || o.Number != e.Number {
		return nil, nil // a stale version, or one of another snapshot
	}
	n, err := x.t.Load(ctx, o)
	if err != nil {
		x.done.Set(e.Number)
		return nil, x.settled(LostFoundName, err)
	}
	return n, nil
}

// rescue exports a lost inode and all below it.
func (x *Exporter) rescue(ctx context.Context, n *tree.Node) error {
	parent := x.parentOf(ctx, n).String()
	name := string(n.Inode.Name)
	if checkName(name) != nil {
		name = "inode-" + n.ID.String()
	}
	f, err := x.lostFolder(parent)
	if err != nil {
		return fmt.Errorf("make %s: %w", LostFoundName, err)
	}
	defer f.release()
	e := entry{node: n, name: name}
	if st, found, err := f.stat(name); err == nil && found && !x.isSame(f, e, &st) {
		e.name = freeName(name, n.ID)
	}
	e.target = "/" + LostFoundName + "/" + parent + "/" + e.name
	e.path = e.target
	x.mark(n)
	return x.rescueTo(ctx, f, e)
}

// rescueTo exports a lost inode, and all below it, to a place in f.
func (x *Exporter) rescueTo(ctx context.Context, f *folder, e entry) error {
	build := x.makeDirectory
	if !e.node.IsDir() {
		x.tell(e.path, e.node.Check())
		build = func(f *folder, e entry) error { return x.make(ctx, f, e) }
	}
	if err := errors.Join(build(f, e), f.sweep()); err != nil || !e.node.IsDir() {
		return x.settled(e.path, err)
	}
	return x.tree(ctx, e.node, e.path, e.target)
}

// freeName returns a name that no other lost inode has.
func freeName(name string, id clfs.ID) string {
	suffix := "." + id.String()
	return name[:min(len(name), 255-len(suffix))] + suffix
}

func (x *Exporter) lostFolder(parent string) (*folder, error) {
	top, err := x.ensure(x.dest, LostFoundName, "/"+LostFoundName)
	if err != nil {
		return nil, err
	}
	defer top.release()
	return x.ensure(top, parent, "/"+LostFoundName+"/"+parent)
}

// ensure opens a directory whose attributes are not known, and creates it if it is missing. Only
// the exporting user can enter it.
func (x *Exporter) ensure(f *folder, name, target string) (*folder, error) {
	if _, found, err := x.noted(target); found || err != nil {
		return x.reopen(target)
	}
	fd, st, err := f.look(name)
	if err == unix.ENOENT {
		fd, st, err = f.mkdir(name)
		err = errors.Join(err, f.sweep())
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if !st.isDir() || st.Uid != x.ownerIn(f, &st) {
		return nil, fmt.Errorf("%s is not a directory of the exporting user: move it away", name)
	}
	if err := unix.Chmod(fdPath(fd), 0o700); err != nil {
		return nil, err
	}
	if err := x.note(target, st.identity(), nil); err != nil {
		return nil, err
	}
	return x.reopen(target)
}
