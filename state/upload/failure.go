package upload

import (
	"context"
	"fmt"

	"clfsload/state/schema"
	"clfsload/state/store"
)

var setUploadFailureStmt = store.NewStatement(`INSERT OR REPLACE INTO upload_failure (ino, reason, at) VALUES (?, ?, ?)`)

// UploadFailure is a node that could not be uploaded. It stays in the queue.
type UploadFailure struct {
	Path   string // below the root, by its first name
	Reason string // one line, without the path
	At     int64  // when it was tried last, nanoseconds since 1970
}

// SetUploadFailure notes why a node could not be uploaded. RecordUploads forgets
// it.
func (j Queue) SetUploadFailure(ctx context.Context, ino schema.Ino, reason string, now int64) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
		_, err := setUploadFailureStmt.Exec(t, ino, reason, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("note failure of node %d: %w", ino, err)
	}
	return nil
}

// UploadFailures returns up to limit nodes that could not be uploaded.
func (j Queue) UploadFailures(ctx context.Context, limit int) ([]UploadFailure, error) {
	rows, err := store.QueryAll(ctx, j.Read, scanUploadFailure, `SELECT i.ino, i.parent, i.name, f.reason, f.at
		FROM upload_failure f JOIN inode i ON i.ino = f.ino WHERE i.state <> {removed} ORDER BY f.ino LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("list failures: %w", store.Classify(err))
	}
	var list []UploadFailure
	for _, r := range rows {
		if r.Path, err = j.Path(ctx, r.node); err != nil {
			return nil, err
		}
		list = append(list, r.UploadFailure)
	}
	return list, nil
}

type uploadFailureRow struct {
	UploadFailure
	node schema.Inode
}

func scanUploadFailure(row schema.Scanner) (r uploadFailureRow, err error) {
	err = row.Scan(&r.node.Ino, &r.node.Parent, &r.node.Name, &r.Reason, &r.At)
	return r, err
}
