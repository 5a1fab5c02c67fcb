package publish

import (
	"context"
	"fmt"

	"clfsload/state/schema"
	"clfsload/state/store"
)

// ChangedDirectory is a directory that a publication has to put.
type ChangedDirectory struct {
	schema.Node
	Tombstones bool // it has some
}

const reachedNow = `put_pub BETWEEN 1 AND ?3`

const changedDir = `SELECT EXISTS (SELECT 1 FROM tombstone t WHERE t.dir = inode.ino) AS kept, ` + schema.NodeColumns + ` FROM inode
		WHERE state = {held} AND ino > ?1 AND `

const inOrder = ` ORDER BY ino LIMIT ?2`

// NewDirectories returns up to limit directories that nothing in the container leads to, in
// order of their numbers, all above after. The root is not among them.
func (s *Snapshot) NewDirectories(ctx context.Context, after schema.Ino, limit int) ([]ChangedDirectory, error) {
	return s.directories(ctx, changedDir+`NOT `+reachedNow+inOrder, max(after, schema.RootIno), limit, s.reached)
}

// ChangedDirectories returns up to limit directories that changed since they were put, the
// root among them unless this is the first publication, in order of their numbers, all above
// after.
func (s *Snapshot) ChangedDirectories(ctx context.Context, after schema.Ino, limit int) ([]ChangedDirectory, error) {
	return s.directories(ctx, changedDir+`(`+reachedNow+` OR ino = 1 AND ?4)`+inOrder, after, limit, s.reached, !s.First())
}

// DirectoriesWithTombstones returns up to limit directories that have tombstones, in order of
// their numbers, all above after.
func (s *Snapshot) DirectoriesWithTombstones(ctx context.Context, after schema.Ino, limit int) ([]ChangedDirectory, error) {
	return s.directories(ctx, changedDir+`kept`+inOrder, after, limit)
}

func (s *Snapshot) directories(ctx context.Context, query string, args ...any) ([]ChangedDirectory, error) {
	list, err := store.QueryAll(ctx, s.rows.Read, func(row schema.Scanner) (d ChangedDirectory, err error) {
		d.Node, err = schema.ScanNode(row, &d.Tombstones)
		return d, err
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read directories: %w", store.Classify(err))
	}
	return list, nil
}

// Root returns the root directory.
func (s *Snapshot) Root(ctx context.Context) (schema.Node, error) {
	n, err := schema.ScanNode(s.row(ctx, `SELECT `+schema.NodeColumns+` FROM inode WHERE ino = ?`, schema.RootIno))
	if err != nil {
		return schema.Node{}, fmt.Errorf("read root directory: %w", store.Classify(err))
	}
	return n, nil
}

// ChangedNodes returns up to limit nodes that are no directories and whose inode a
// publication has to put, in order of their numbers, all above after: those that
// wait for nothing else, and those that have other names than in the container,
// or newer contents in an image, although they are changing again.
func (s *Snapshot) ChangedNodes(ctx context.Context, after schema.Ino, limit int) ([]schema.Node, error) {
	const changing = ` AND ino > ?1 AND put_pub > 0 AND (flags & ?3 OR image_gen > 0)`
	return store.NodesOf(ctx, s.rows.Read, `SELECT `+schema.NodeColumns+` FROM inode WHERE state = {sealed} AND ino > ?1
		UNION ALL SELECT `+schema.NodeColumns+` FROM inode WHERE state = {dirty}`+changing+`
		UNION ALL SELECT `+schema.NodeColumns+` FROM inode WHERE state = {queued}`+changing+`
		ORDER BY 1 LIMIT ?2`, after, limit, schema.Renamed)
}

// Unpublished returns up to limit nodes of which the publication does not have the
// present form, in order of their numbers, all above after.
func (s *Snapshot) Unpublished(ctx context.Context, after schema.Ino, limit int) ([]schema.Node, error) {
	const old = ` AND ino > ?1 AND NOT (put_pub > 0 AND flags & ?3 = 0 AND (flags & ?4 OR image_gen > 0)
		AND next = CASE image_gen WHEN 0 THEN put_gen ELSE image_gen END)`
	return store.NodesOf(ctx, s.rows.Read, `SELECT `+schema.NodeColumns+` FROM inode WHERE state = {dirty}`+old+`
		UNION ALL SELECT `+schema.NodeColumns+` FROM inode WHERE state = {queued}`+old+`
		ORDER BY 1 LIMIT ?2`, after, limit, schema.Content, schema.Renamed)
}
