package publish

import (
	"context"
	"fmt"
	"strings"

	"clfsload/state/schema"
	"clfsload/state/store"
)

// Tidy reports whether a publication has nothing to end or to clean up: none was cut
// off, and there is neither garbage nor a removed node whose blobs may be there.
func (j Publisher) Tidy(ctx context.Context) (tidy bool, err error) {
	err = j.Row(ctx, `SELECT (SELECT publication = completed FROM ledger)
		AND NOT EXISTS (SELECT 1 FROM garbage)
		AND NOT EXISTS (SELECT 1 FROM inode WHERE state = {removed} AND flags & ? = 0)`, schema.Orphan).Scan(&tidy)
	if err != nil {
		return false, fmt.Errorf("look for what a publication has left: %w", store.Classify(err))
	}
	return tidy, nil
}

// NotPublished returns up to limit nodes that are not published as they are now, in order
// of their numbers, all above after: those that were changed, those that were uploaded since the
// last publication, and removed ones that the container leads to. It looks at all nodes.
func (j Publisher) NotPublished(ctx context.Context, after schema.Ino, limit int) ([]schema.Node, error) {
	var parts []string
	for _, state := range []string{"{queued}", "{held}", "{dirty}", "{sealed}"} {
		parts = append(parts, `SELECT `+schema.NodeColumns+` FROM inode WHERE ino > ?1 AND state = `+state)
	}
	parts = append(parts, `SELECT `+schema.NodeColumnsOf+` FROM inode i CROSS JOIN ledger l WHERE i.ino > ?1
		AND (i.state = {removed} AND i.put_pub BETWEEN 1 AND l.publication AND i.seq > l.published_seq
		OR i.state = {done} AND i.put_pub > l.publication)`)
	return store.NodesOf(ctx, j.ReadAtLength, strings.Join(parts, ` UNION ALL `)+` ORDER BY 1 LIMIT ?2`, after, limit)
}

// Waiting returns up to limit nodes that are not in the container as they are now: those
// that are not settled, then those that wait for their upload, and with toPublish those
// that wait for the next publication, directories last.
func (j Publisher) Waiting(ctx context.Context, toPublish bool, limit int) ([]schema.Node, error) {
	query := `SELECT ` + schema.NodeColumns + ` FROM inode WHERE state = {dirty} UNION ALL SELECT ` + schema.NodeColumns + ` FROM inode WHERE state = {queued}`
	if toPublish {
		query += ` UNION ALL SELECT ` + schema.NodeColumns + ` FROM inode WHERE state = {sealed}
			UNION ALL SELECT ` + schema.NodeColumns + ` FROM inode WHERE state = {held}`
	}
	return j.Nodes(ctx, query+` LIMIT ?`, limit)
}
