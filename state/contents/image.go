package contents

import (
	"context"
	"fmt"

	"clfsload/state/schema"
	"clfsload/state/store"
)

var setImageStmt = store.NewStatement(`INSERT OR REPLACE INTO image (ino, data) VALUES (?, ?)`)

// Image returns the inode payload that is kept of a node for the next publication;
// nil when there is none.
func (j Files) Image(ctx context.Context, ino schema.Ino) (data []byte, err error) {
	ctx = context.WithoutCancel(ctx)
	err = j.Read(ctx, func(q store.Querier) error {
		data, err = ReadImage(ctx, q, ino)
		return err
	})
	return data, err
}

func ReadImage(ctx context.Context, q store.Querier, ino schema.Ino) ([]byte, error) {
	var data []byte
	err := q.QueryRowContext(ctx, `SELECT data FROM image WHERE ino = ?`, ino).Scan(&data)
	if err != nil && !store.NoRows(err) {
		return nil, fmt.Errorf("read image of node %d: %w", ino, store.Classify(err))
	}
	return data, nil
}

// SetImage keeps the payload of a node for the next publication.
func SetImage(t *store.Tx, ino schema.Ino, data []byte) error {
	_, err := setImageStmt.Exec(t, ino, data)
	return err
}
