package export

import (
	"context"
	"fmt"
	"path"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
)

// tables are those of the temporary database: the first name of each inode with
// several, its further names, and directories whose attributes are to be set.
var tables = []string{
	"CREATE TABLE firsts (id BLOB PRIMARY KEY, target BLOB) WITHOUT ROWID",
	"CREATE TABLE made (id BLOB PRIMARY KEY, target BLOB, damaged INTEGER) WITHOUT ROWID",
	"CREATE TABLE further (seq INTEGER PRIMARY KEY, id BLOB, path BLOB, target BLOB)",
	"CREATE TABLE directories (seq INTEGER PRIMARY KEY, target BLOB, blob TEXT, payload BLOB)",
}

// claim reports whether e is the name that is made first. A further name of the
// same inode waits until all files are there.
func (x *Exporter) claim(e entry) (first bool, err error) {
	if len(e.node.Inode.BackPointers) < 2 {
		return true, nil
	}
	n, err := x.db.Exec("INSERT OR IGNORE INTO firsts VALUES (?, ?)", []byte(e.node.ID), []byte(e.target))
	if err != nil || n == 1 {
		return n == 1, err
	}
	_, err = x.db.Exec("INSERT INTO further (id, path, target) VALUES (?, ?, ?)", []byte(e.node.ID), []byte(e.path), []byte(e.target))
	return false, err
}

// made says that the first name is there, so that others can be linked to it. name is
// what it is called, which is not its own one when a part of it is lost.
func (x *Exporter) made(e entry, name string) error {
	if len(e.node.Inode.BackPointers) < 2 {
		return nil
	}
	_, err := x.db.Exec("INSERT OR REPLACE INTO made VALUES (?, ?, ?)",
		[]byte(e.node.ID), []byte(path.Join(path.Dir(e.target), name)), name != e.name)
	return err
}

// links makes the further names.
func (x *Exporter) links(ctx context.Context) error {
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

// link makes one further name. If the first could not be made, this is the first.
func (x *Exporter) link(ctx context.Context, id clfs.ID, inContainer, target string) error {
	f, err := x.dest.descend(path.Dir(target))
	if err != nil {
		return err
	}
	defer f.release()
	name := path.Base(target)
	var first []byte
	var damaged bool
	found, err := x.db.Row("SELECT target, damaged FROM made WHERE id = ?", []any{[]byte(id)}, &first, &damaged)
	if err != nil {
		return err
	}
	if !found {
		n, err := x.t.Node(ctx, id)
		if err != nil {
			return err
		}
		return x.makeNew(ctx, f, entry{n, name, inContainer, target})
	}
	if damaged {
		x.fail(inContainer, fmt.Errorf("it is one file with %q, and a part of that is lost", first))
		name += DamagedSuffix
	}
	return x.linkTo(f, name, string(first))
}

func (x *Exporter) linkTo(f *folder, name, first string) error {
	from, err := x.dest.descend(path.Dir(first))
	if err != nil {
		return err
	}
	defer from.release()
	source, found, err := from.stat(path.Base(first))
	if err == nil && !found {
		err = unix.ENOENT
	}
	if err != nil {
		return fmt.Errorf("link to %q: %w", first, err)
	}
	there, found, err := f.stat(name)
	switch {
	case err != nil:
		return err
	case found && there.Dev == source.Dev && there.Ino == source.Ino:
		x.skipped.Add(1)
		return nil
	case found && there.Mode&unix.S_IFMT == unix.S_IFDIR:
		return errDirectoryInTheWay
	}
	// A run that was stopped may have made this name as a file of its own, when it came
	// to it first.
	replace := x.options.Overwrite || isCopy(&source, &there)
	if found && !replace {
		return ErrInTheWay
	}
	if err := linkAs(from, path.Base(first), f, name, replace); err != nil {
		return fmt.Errorf("link to %q: %w", first, err)
	}
	x.others.Add(1)
	return nil
}

// isCopy reports whether two files are what two runs make of one inode.
func isCopy(a, b *unix.Stat_t) bool {
	return a.Mode == b.Mode && a.Size == b.Size && a.Mtim == b.Mtim && a.Rdev == b.Rdev
}

// linkAs gives a file a further name.
func linkAs(from *folder, first string, f *folder, name string, replace bool) error {
	temporary := fmt.Sprintf(".clfsload-%016X.part", clfs.Hash64(name))
	if err := f.remove(temporary); err != nil {
		return err
	}
	if err := unix.Linkat(from.fd, first, f.fd, temporary, 0); err != nil {
		return err
	}
	if err := f.settle(temporary, name, replace); err != nil {
		f.remove(temporary)
		return err
	}
	return nil
}
