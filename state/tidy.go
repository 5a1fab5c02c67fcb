package state

import (
	"context"
	"fmt"
)

// Tidy reports whether a publication has nothing to end or to clean up: none was cut
// off, and there is neither garbage nor a removed node whose blobs may be there.
func (j *Journal) Tidy(ctx context.Context) (tidy bool, err error) {
	err = j.row(ctx, `SELECT (SELECT publication = completed FROM ledger)
		AND NOT EXISTS (SELECT 1 FROM garbage)
		AND NOT EXISTS (SELECT 1 FROM inode WHERE state = 7 AND flags & ? = 0)`, Orphan).Scan(&tidy)
	if err != nil {
		return false, fmt.Errorf("look for what a publication has left: %w", classify(err))
	}
	return tidy, nil
}

// Waiting returns up to limit nodes that are not in the container as they are now: those
// that are not settled, then those that wait for their upload, and with toPublish those
// that wait for the next publication, directories last.
func (j *Journal) Waiting(ctx context.Context, toPublish bool, limit int) ([]Node, error) {
	query := `SELECT ` + nodeColumns + ` FROM inode WHERE state = 5 UNION ALL SELECT ` + nodeColumns + ` FROM inode WHERE state = 1`
	if toPublish {
		query += ` UNION ALL SELECT ` + nodeColumns + ` FROM inode WHERE state = 6
			UNION ALL SELECT ` + nodeColumns + ` FROM inode WHERE state = 2 AND depth IS NULL`
	}
	return j.nodes(ctx, query+` LIMIT ?`, limit)
}
