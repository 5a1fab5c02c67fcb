package export

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/sync/tree"
)

// remember keeps a directory's attributes for the end.
func (x *Exporter) remember(n *tree.Node, target string) error {
	_, err := x.db.Exec("INSERT INTO directories (target, blob, payload) VALUES (?, ?, ?)", []byte(target), n.Blob, n.Payload)
	return err
}

// finishDirectories sets the attributes of all directories. Those below come
// before those above, which may then not let anybody in any more.
func (x *Exporter) finishDirectories(ctx context.Context) error {
	for {
		var seq int64
		var target, payload []byte
		found, err := x.db.Row("SELECT seq, target, payload FROM directories ORDER BY seq DESC LIMIT 1", nil, &seq, &target, &payload)
		if err != nil || !found {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := x.db.Exec("DELETE FROM directories WHERE seq = ?", seq); err != nil {
			return err
		}
		if err := x.settled("/"+string(target), x.finishDirectory(string(target), payload)); err != nil {
			return err
		}
	}
}

func (x *Exporter) finishDirectory(target string, payload []byte) error {
	in, err := clfs.DecodeInode(payload)
	if err != nil {
		return err
	}
	f, err := x.dest.descend(target)
	if err != nil {
		return err
	}
	defer f.release()
	if err := f.attributes(".", in.Attr, x.options.Owners); err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	return nil
}
