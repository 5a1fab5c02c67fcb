package scan

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/garbage"
	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	findLinkStmt = store.NewStatement(`SELECT ino, expect FROM source_link WHERE fileid = ? AND dev = ? AND type = ?`)
	setLinkStmt  = store.NewStatement(`INSERT OR REPLACE INTO source_link (fileid, dev, type, ino, expect) VALUES (?, ?, ?, ?, ?)`)
)

// addLink adds a name of an inode that has several.
func addLink(t *store.Tx, dir *schema.Node, e *Entry) error {
	a := &e.Attr
	var first schema.Ino
	var expect uint32
	err := findLinkStmt.QueryRow(t, int64(a.Ino), int64(a.Dev), a.Type).Scan(&first, &expect)
	if store.NoRows(err) {
		return addFirstLink(t, dir, e)
	}
	if err != nil {
		return err
	}
	n, err := t.Node(first)
	if err == schema.ErrNoEntry || err == nil && (n.Links >= clfs.MaxLinks || n.State == schema.Removed) {
		return addFirstLink(t, dir, e)
	}
	if err != nil {
		return err
	}
	isNew, err := addName(t, dir, e, first, 1)
	if err != nil || !isNew {
		return err
	}
	if err := namespace.ShareEntry(t, n.Parent, n.Name); err != nil { // it may have had one name until now
		return err
	}
	before := *n
	n.SetLinks(n.Links + 1)
	switch {
	case n.State == schema.Linking && n.Links >= min(expect, clfs.MaxLinks):
		n.State = schema.Queued
	case n.State == schema.Queued || n.State == schema.Done || n.State == schema.Sealed:
		garbage.NoteMoved(t, n)
	}
	return t.Save(&before, n)
}

// addFirstLink begins a new inode: for the first name, and again for each
// clfs.MaxLinks further ones.
func addFirstLink(t *store.Tx, dir *schema.Node, e *Entry) error {
	ino, err := addFound(t, dir, e, schema.Linking, 1)
	if err != nil || ino == 0 {
		return err
	}
	_, err = setLinkStmt.Exec(t, int64(e.Attr.Ino), int64(e.Attr.Dev), e.Attr.Type, ino, e.Attr.Nlink)
	return err
}

// ExpectedLinks is how many names an inode has in the source, according to the one that was
// found first; 0: it is not known.
func (j Recorder) ExpectedLinks(ctx context.Context, in schema.Inode) (links uint64, err error) {
	row := j.Row(ctx, `SELECT coalesce(max(expect), 0) FROM source_link WHERE fileid = ? AND type = ?`, int64(in.Attr.Ino), in.Attr.Type)
	if err := row.Scan(&links); err != nil {
		return 0, fmt.Errorf("look for links of inode %d: %w", in.Ino, store.Classify(err))
	}
	return links, nil
}

const LinkingNodes = `SELECT ` + schema.NodeColumns + ` FROM inode WHERE state = {linking} ORDER BY ino LIMIT ?`

// ReleaseLinks queues the inodes that wait for further links: to be called when
// no further ones can come.
func (j Recorder) ReleaseLinks(ctx context.Context) error {
	const page = 10000
	err := store.ChangePages(ctx, j.Store, store.Durable, func(schema.Node) ([]schema.Node, error) { return j.Nodes(ctx, LinkingNodes, page) },
		func(t *store.Tx, n *schema.Node) error {
			before := *n
			n.State = schema.Queued
			return t.Save(&before, n)
		})
	if err != nil {
		return fmt.Errorf("queue hard links: %w", err)
	}
	return nil
}
