package state

import (
	"context"
	"fmt"
)

var setImageStmt = newStatement(`INSERT OR REPLACE INTO image (ino, data) VALUES (?, ?)`)

// Image returns the inode payload that is kept of a node for the next publication;
// nil when there is none.
func (j Files) Image(ctx context.Context, ino Ino) (data []byte, err error) {
	ctx = context.WithoutCancel(ctx)
	err = j.read(ctx, func(q querier) error {
		data, err = readImage(ctx, q, ino)
		return err
	})
	return data, err
}

func readImage(ctx context.Context, q querier, ino Ino) ([]byte, error) {
	var data []byte
	err := q.QueryRowContext(ctx, `SELECT data FROM image WHERE ino = ?`, ino).Scan(&data)
	if err != nil && !noRows(err) {
		return nil, fmt.Errorf("read image of node %d: %w", ino, classify(err))
	}
	return data, nil
}

// setImage keeps the payload of a node for the next publication.
func setImage(t *tx, ino Ino, data []byte) error {
	_, err := setImageStmt.Exec(t, ino, data)
	return err
}
