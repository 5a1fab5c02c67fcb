package export

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"golang.org/x/sys/unix"

	"clfsload/clfs/object"
)

// note records which directory the export made or found at target, and the inode with its final
// attributes; nil for none.
func (x *Exporter) note(target string, id identity, payload []byte) error {
	_, err := x.db.Exec("INSERT INTO directories (target, dev, ino, birth, uid, payload) VALUES (?, ?, ?, ?, ?, ?)",
		[]byte(target), id.dev, id.ino, id.birth, id.uid, payload)
	return err
}

func (x *Exporter) noted(target string) (id identity, found bool, err error) {
	found, err = x.db.Row("SELECT dev, ino, birth, uid FROM directories WHERE target = ? LIMIT 1", []any{[]byte(target)},
		&id.dev, &id.ino, &id.birth, &id.uid)
	return id, found, err
}

// reopen opens the destination or a recorded directory. If another one has its place, the error
// wraps errReplaced.
func (x *Exporter) reopen(target string) (*folder, error) {
	target = strings.TrimSuffix(target, "/")
	f, err := x.descend(target)
	if err == unix.ENOENT {
		err = errReplaced
	}
	if err == nil && target != "" {
		if err = x.check(f.fd, target); err != nil {
			f.release()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("directory %q: %w", target, err)
	}
	return f, nil
}

// descend opens the directory at target without a check of its identity.
func (x *Exporter) descend(target string) (f *folder, err error) {
	path := strings.Trim(target, "/")
	if path == "" {
		x.dest.users.Add(1)
		return x.dest, nil
	}
	err = x.above.Near(path, func(dir int, names string) error {
		fd, err := openNames(dir, names)
		if err == nil {
			f = newFolder(fd)
		}
		return err
	})
	return f, err
}

// openAbove opens a directory on the way to deeper ones. It stays open, so it must be the recorded
// one.
func (x *Exporter) openAbove(dir int, names, path string) (fd int, err error) {
	if fd, err = openNames(dir, names); err != nil {
		return -1, err
	}
	if err = x.check(fd, "/"+path); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// check requires that the directory with the descriptor fd is the one recorded at target.
func (x *Exporter) check(fd int, target string) error {
	id, found, err := x.noted(target)
	if err != nil {
		return err
	}
	st, err := statAt(fd, "")
	if err != nil {
		return err
	}
	if !found || !id.is(st.identity()) {
		return errReplaced
	}
	return nil
}

// finishDirectories sets the attributes of all directories. Subdirectories come before their
// parents, which may then be closed to everybody.
func (x *Exporter) finishDirectories(ctx context.Context) error {
	x.above.Forget()
	for last := int64(math.MaxInt64); ; {
		var target, payload []byte
		found, err := x.db.Row("SELECT seq, target, payload FROM directories WHERE seq < ? AND payload IS NOT NULL ORDER BY seq DESC LIMIT 1",
			[]any{last}, &last, &target, &payload)
		if err != nil || !found {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := x.settled("/"+strings.TrimPrefix(string(target), "/"), x.finishDirectory(string(target), payload)); err != nil {
			return err
		}
	}
}

func (x *Exporter) finishDirectory(target string, payload []byte) error {
	in, err := object.DecodeInode(payload)
	if err != nil {
		return err
	}
	f, err := x.reopen(target)
	if err != nil {
		return err
	}
	defer f.release()
	err = x.rights.set(f.fd, in.Attr)
	if errors.Is(err, unix.EPERM) && !x.rights.owners {
		x.foreign.Add(1)
		return nil
	}
	if err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	x.kept(in.Attr)
	return nil
}
