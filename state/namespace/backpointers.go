package namespace

import (
	"context"
	"fmt"
	"slices"

	"clfsload/clfs"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// BackPointers returns the directories that link to an inode, one entry for each
// link, its first directory first; docs/clfs-format.md section 3, BACK. Errors:
// ErrNoEntry when one with several links has not the name any more that it had when it
// was read. Of one with a single link it is the directory that it had then.
func (j Names) BackPointers(ctx context.Context, in schema.Inode) (list []clfs.ID, err error) {
	if in.Links == 1 || in.Attr.Type == clfs.TypeDirectory {
		parent, err := j.Handle(ctx, in.Parent)
		return []clfs.ID{parent}, err
	}
	err = j.Read(ctx, func(q store.Querier) error {
		list, err = BackPointers(ctx, q, &in)
		return err
	})
	return list, err
}

// BackPointers lists the directories of an inode that has several links.
func BackPointers(ctx context.Context, q store.Querier, in *schema.Inode) ([]clfs.ID, error) {
	rows, err := q.QueryContext(ctx, `SELECT p.handle, d.parent = ?2 AND d.name = ?3 AS first
		FROM dirent d JOIN inode p ON p.ino = d.parent WHERE d.shared = 1 AND d.ino = ?1
		ORDER BY first DESC LIMIT ?4`, in.Ino, in.Parent, in.Name, in.Links)
	links, err := schema.ScanAll(rows, err, scanLink)
	if err != nil {
		return nil, fmt.Errorf("list links of inode %d: %w", in.Ino, store.Classify(err))
	}
	if len(links) == 0 || !links[0].first {
		return nil, fmt.Errorf("list links of inode %d: %w: its first name", in.Ino, schema.ErrNoEntry)
	}
	var list []clfs.ID
	for _, l := range links {
		list = append(list, l.dir)
	}
	return appendUnread(ctx, q, in.Ino, list)
}

// linkRow is a directory that has a name of an inode.
type linkRow struct {
	dir   clfs.ID
	first bool // the name is its first
}

func scanLink(row schema.Scanner) (l linkRow, err error) {
	var id []byte
	err = row.Scan(&id, &l.first)
	l.dir = clfs.ID(id)
	return l, err
}

// appendUnread adds the links from directories that were not read yet.
func appendUnread(ctx context.Context, q store.Querier, ino schema.Ino, list []clfs.ID) ([]clfs.ID, error) {
	rows, err := q.QueryContext(ctx, backlinksQuery, ino)
	unread, err := schema.ScanAll(rows, err, scanBacklink)
	if err != nil {
		return nil, fmt.Errorf("list links of inode %d: %w", ino, store.Classify(err))
	}
	for _, b := range unread {
		list = append(list, slices.Repeat([]clfs.ID{b.Dir}, int(b.Count))...)
	}
	return list, nil
}

// Backlink is a directory with so many links to an inode that were not read yet.
type Backlink struct {
	Dir   clfs.ID
	Count uint32
	Ino   schema.Ino
}

// Backlinks returns the directories that have links to an inode which were not read yet.
func (j Names) Backlinks(ctx context.Context, ino schema.Ino) ([]Backlink, error) {
	list, err := store.QueryAll(ctx, j.Read, scanBacklink, backlinksQuery, ino)
	if err != nil {
		return nil, fmt.Errorf("list links of inode %d: %w", ino, store.Classify(err))
	}
	return list, nil
}

const backlinksQuery = `SELECT dir, count FROM backlink WHERE ino = ? AND count > 0 ORDER BY dir`

func scanBacklink(row schema.Scanner) (b Backlink, err error) {
	var id []byte
	err = row.Scan(&id, &b.Count)
	b.Dir = clfs.ID(id)
	return b, err
}
