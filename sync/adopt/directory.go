package adopt

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/tree"
)

// ErrChanged: another program changed the container after a journal adopted it.
var ErrChanged = errors.New("another program has changed the container")

// entries reads the entries of an Unlisted directory.
func (r *Reader) entries(ctx context.Context, ino state.Ino) error {
	row, err := r.journal.Node(ctx, ino)
	if err != nil || row.Flags&state.Unlisted == 0 {
		return err
	}
	if row.State == state.Remote {
		if err := r.attributes(ctx, ino); err != nil {
			return err
		}
		if row, err = r.journal.Node(ctx, ino); err != nil {
			return err
		}
	}
	n, err := r.tree.Node(ctx, row.ID)
	if err == nil && n.Version != row.PutVersion {
		err = fmt.Errorf("%w: directory %s has version %d, not %d", ErrChanged, row.ID, n.Version, row.PutVersion)
	}
	if err == nil {
		l := &lister{Reader: r, dir: ino, node: n}
		err = l.list(ctx)
	}
	if err != nil {
		return fmt.Errorf("read directory %d (%q): %w", ino, row.Name, err)
	}
	return r.noteUnfaithful(ctx, ino)
}

// lister goes over the entries of a directory.
type lister struct {
	*Reader
	dir  state.Ino
	node *tree.Node
	page []state.AdoptedEntry
	dots int // skipped entries: a listing begins with "." and ".."
}

// pageSize is how many entries are adopted in one transaction.
const pageSize = 1000

// list adopts all entries. If a part cannot be read, the directory stays unlisted, and the earlier
// entries can be found by their names.
func (l *lister) list(ctx context.Context) error {
	err := l.addAll(ctx)
	if err = errors.Join(err, l.flush(ctx)); err != nil {
		return err
	}
	return l.journal.EndListing(ctx, l.dir)
}

func (l *lister) addAll(ctx context.Context) error {
	if err := l.add(ctx, l.node.Blob, l.node.Inode.Dirents); err != nil {
		return err
	}
	for s, err := range l.tree.DirBlocks(ctx, l.node, 1, tree.AllBlocks) {
		if err == nil {
			err = l.add(ctx, s.Blob, s.Raw)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) add(ctx context.Context, blob string, raw []byte) error {
	for d, err := range object.Dirents(raw) {
		if err != nil {
			return tree.BadObject(err, blob)
		}
		if l.dots < 2 && (string(d.Name) == "." || string(d.Name) == "..") {
			l.dots++
			continue
		}
		typ, err := l.typeOf(ctx, d.ID)
		if err != nil {
			return err
		}
		l.page = append(l.page, state.AdoptedEntry{Name: bytes.Clone(d.Name), ID: d.ID, Type: typ})
		if len(l.page) == pageSize {
			if err := l.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// typeOf is the type of an inode. Most ids contain it. A damaged inode is treated as a file, which
// cannot be opened.
func (l *lister) typeOf(ctx context.Context, id clfs.ID) (clfs.Type, error) {
	if h, err := clfs.ParseHandle(id); err == nil {
		return h.Type, nil
	}
	n, err := l.tree.Node(ctx, id)
	if errors.Is(err, tree.ErrDamaged) {
		return clfs.TypeRegular, nil
	}
	if err != nil {
		return 0, err
	}
	return n.Type(), nil
}

func (l *lister) flush(ctx context.Context) error {
	page := l.page
	l.page = l.page[:0]
	if len(page) == 0 {
		return nil
	}
	return l.journal.AdoptEntries(ctx, l.dir, page)
}

// noteUnfaithful logs that a directory was read that cannot be changed.
func (r *Reader) noteUnfaithful(ctx context.Context, ino state.Ino) error {
	n, err := r.journal.Node(ctx, ino)
	if err != nil || n.Flags&state.Unfaithful == 0 {
		return err
	}
	path, err := r.journal.Path(ctx, n.Inode)
	r.log.Warn("a directory of the container cannot be changed: it has duplicate or invalid names, or a directory that another entry leads to, too", "path", "/"+path)
	return err
}
