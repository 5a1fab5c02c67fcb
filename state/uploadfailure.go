package state

import (
	"context"
	"fmt"
)

// UploadFailure is a node that could not be uploaded. It stays in the queue.
type UploadFailure struct {
	Path   string // below the root, by its first name
	Reason string // one line, without the path
	At     int64  // when it was tried last, nanoseconds since 1970
}

// SetUploadFailure notes why a node could not be uploaded. RecordUploads forgets
// it.
func (j *Journal) SetUploadFailure(ctx context.Context, ino Ino, reason string, now int64) error {
	err := j.mutate(ctx, func(t *tx) error {
		_, err := t.mount.setProblem.Exec(ino, reason, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("note failure of node %d: %w", ino, err)
	}
	return nil
}

// UploadFailures returns up to limit nodes that could not be uploaded.
func (j *Journal) UploadFailures(ctx context.Context, limit int) ([]UploadFailure, error) {
	rows, err := j.read.QueryContext(ctx, `SELECT i.ino, i.parent, i.name, f.reason, f.at
		FROM upload_failure f JOIN inode i ON i.ino = f.ino WHERE i.state <> 7 ORDER BY f.ino LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("list failures: %w", classify(err))
	}
	defer rows.Close()
	var list []UploadFailure
	var nodes []Inode
	for rows.Next() {
		var f UploadFailure
		var in Inode
		if err := rows.Scan(&in.Ino, &in.Parent, &in.Name, &f.Reason, &f.At); err != nil {
			return nil, fmt.Errorf("list failures: %w", classify(err))
		}
		list, nodes = append(list, f), append(nodes, in)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list failures: %w", classify(err))
	}
	for i := range list {
		if list[i].Path, err = j.Path(ctx, nodes[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}
