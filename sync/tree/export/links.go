package export

import (
	"context"
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
)

// tables are those of the temporary database: the first name of each inode with several, its
// further names, and directories, with the attributes to set.
var tables = []string{
	"CREATE TABLE firsts (id BLOB PRIMARY KEY, target BLOB) WITHOUT ROWID",
	"CREATE TABLE made (id BLOB PRIMARY KEY, target BLOB, damaged INTEGER, dev INTEGER, ino INTEGER, birth INTEGER, uid INTEGER) WITHOUT ROWID",
	"CREATE TABLE further (seq INTEGER PRIMARY KEY, id BLOB, path BLOB, target BLOB)",
	"CREATE TABLE directories (seq INTEGER PRIMARY KEY, target BLOB, dev INTEGER, ino INTEGER, birth INTEGER, uid INTEGER, payload BLOB)",
	"CREATE INDEX directory_targets ON directories (target)",
}

// claim reports whether e is the name to make first. A further name of the same inode waits until
// all files exist.
func (x *Exporter) claim(e entry) (first bool, err error) {
	if !e.isLinked() {
		return true, nil
	}
	n, err := x.db.Exec("INSERT OR IGNORE INTO firsts VALUES (?, ?)", []byte(e.node.ID), []byte(e.target))
	if err != nil || n == 1 {
		return n == 1, err
	}
	_, err = x.db.Exec("INSERT INTO further (id, path, target) VALUES (?, ?, ?)", []byte(e.node.ID), []byte(e.path), []byte(e.target))
	return false, err
}

// made records that the first name exists, so that others can be linked to it. name is its name on
// disk, which differs if a part of the file is lost. st is the file's own status.
func (x *Exporter) made(e entry, name string, st *status) error {
	if !e.isLinked() {
		return nil
	}
	id := st.identity()
	_, err := x.db.Exec("INSERT OR REPLACE INTO made VALUES (?, ?, ?, ?, ?, ?, ?)", []byte(e.node.ID),
		[]byte(path.Join(path.Dir(e.target), name)), name != e.name, id.dev, id.ino, id.birth, id.uid)
	return err
}

// links makes the further names.
func (x *Exporter) links(ctx context.Context) error {
	x.above.Forget()
	for seq := int64(0); ; {
		var id, inContainer, target []byte
		found, err := x.db.Row("SELECT seq, id, path, target FROM further WHERE seq > ? ORDER BY seq LIMIT 1", []any{seq}, &seq, &id, &inContainer, &target)
		if err != nil || !found {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := x.settled(string(inContainer), x.link(ctx, clfs.ID(id), string(inContainer), string(target))); err != nil {
			return err
		}
	}
}

// A first is the first name of an inode with several, and the file of that name.
type first struct {
	target  string
	damaged bool
	id      identity
}

func (x *Exporter) first(id clfs.ID) (f first, found bool, err error) {
	var target []byte
	found, err = x.db.Row("SELECT target, damaged, dev, ino, birth, uid FROM made WHERE id = ?", []any{[]byte(id)},
		&target, &f.damaged, &f.id.dev, &f.id.ino, &f.id.birth, &f.id.uid)
	f.target = string(target)
	return f, found, err
}

// link makes one further name. If the first could not be made, this is the first.
func (x *Exporter) link(ctx context.Context, id clfs.ID, inContainer, target string) error {
	f, err := x.reopen(path.Dir(target))
	if err != nil {
		return err
	}
	defer f.release()
	return errors.Join(x.linkIn(ctx, f, id, inContainer, target), f.closeTemp())
}

func (x *Exporter) linkIn(ctx context.Context, f *folder, id clfs.ID, inContainer, target string) error {
	name := path.Base(target)
	first, found, err := x.first(id)
	if err != nil {
		return err
	}
	if !found {
		n, err := x.t.Node(ctx, id)
		if err != nil {
			return err
		}
		return x.makeNew(ctx, f, entry{node: n, name: name, path: inContainer, target: target})
	}
	if first.damaged {
		x.fail(inContainer, fmt.Errorf("it is one file with %q, and a part of that is lost", first.target))
		name += DamagedSuffix
	}
	fd, source, err := x.openFirst(first)
	if err != nil {
		return fmt.Errorf("link to %q: %w", first.target, err)
	}
	defer unix.Close(fd)
	return x.linkTo(f, name, fd, &source)
}

// openFirst opens the file that the export made or found under a file's first name, but not a file
// that another user has put in its place.
func (x *Exporter) openFirst(first first) (fd int, st status, err error) {
	from, err := x.descend(path.Dir(first.target))
	if err != nil {
		return -1, st, err
	}
	defer from.release()
	fd, st, err = from.look(path.Base(first.target))
	if err != nil {
		return -1, st, err
	}
	if !first.id.is(st.identity()) {
		unix.Close(fd)
		return -1, st, errReplaced
	}
	return fd, st, nil
}

// linkTo gives the file with the descriptor fd the further name.
func (x *Exporter) linkTo(f *folder, name string, fd int, source *status) error {
	there, found, err := f.stat(name)
	switch {
	case err != nil:
		return err
	case found && there.identity() == source.identity():
		x.skipped.Add(1)
		return nil
	case found && there.isDir():
		return errDirectoryInTheWay
	}
	// A run that was stopped may have made this name as a separate file, if it reached it first.
	replace := x.options.Overwrite || isCopy(source, &there)
	if found && !replace {
		return ErrInTheWay
	}
	if found {
		err = replaceByLink(f, name, fd)
	} else {
		err = linkAt(fd, f.fd, name)
	}
	if err == unix.EEXIST {
		return ErrInTheWay
	}
	if err != nil {
		return fmt.Errorf("make hard link: %w", err)
	}
	x.others.Add(1)
	return nil
}

// isCopy reports whether two files come from two runs for one inode.
func isCopy(a, b *status) bool {
	return a.Mode == b.Mode && a.Uid == b.Uid && a.Gid == b.Gid && a.Size == b.Size && a.Mtime == b.Mtime &&
		a.Rdev_major == b.Rdev_major && a.Rdev_minor == b.Rdev_minor
}

// linkAt gives the file with the descriptor fd a name in the directory dir.
func linkAt(fd, dir int, name string) error {
	return unix.Linkat(unix.AT_FDCWD, fdPath(fd), dir, name, unix.AT_SYMLINK_FOLLOW)
}

func replaceByLink(f *folder, name string, fd int) error {
	temp, err := f.temporary()
	if err != nil {
		return err
	}
	d, err := temp.construct(func(dir int, name string) error { return linkAt(fd, dir, name) })
	if err != nil {
		return err
	}
	defer d.discard()
	return d.settle(f, name, true)
}
