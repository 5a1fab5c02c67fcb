package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"clfsload/clfs"
	"clfsload/sync/blob"
)

// Log is a log of the transfer that is kept in the container, in a blob without
// header or records; docs/clfs-format.md section 6.
type Log struct {
	Name string                 // of the blob; see blob.CheckName
	Read func() ([]byte, error) // returns the contents
}

// putLogs names the logs in the bucket object, then puts them, and deletes those
// that the bucket object named before: in this order whatever a run that was
// killed has left, the bucket object names.
func (e *Engine) putLogs(ctx context.Context, logs []Log) error {
	bucket, err := e.bucket(ctx)
	if err != nil {
		return err
	}
	before := bucket.Logs
	bucket.Logs = nil
	for _, l := range logs {
		bucket.Logs = append(bucket.Logs, l.Name)
	}
	if !slices.Equal(before, bucket.Logs) {
		if err := e.nameLogs(ctx, bucket, before); err != nil {
			return err
		}
	}
	for _, l := range logs {
		data, err := l.Read()
		if err != nil {
			return fmt.Errorf("read log %s: %w", l.Name, err)
		}
		if err := e.store.put(ctx, l.Name, data); err != nil {
			return fmt.Errorf("put log %s: %w", l.Name, err)
		}
	}
	return nil
}

// nameLogs replaces the bucket object by one with other logs.
func (e *Engine) nameLogs(ctx context.Context, bucket clfs.Bucket, before []string) error {
	for _, name := range before {
		if slices.Contains(bucket.Logs, name) {
			continue
		}
		if err := e.container.Delete(ctx, name); err != nil {
			return fmt.Errorf("delete log %s: %w", name, err)
		}
	}
	return e.putBucket(ctx, bucket)
}

// bucket returns the container's bucket object, or ErrForeign unless it is the
// one that this journal has put there, and ErrOtherPublication unless the journal
// knows the publication that it names.
func (e *Engine) bucket(ctx context.Context) (clfs.Bucket, error) {
	var b clfs.Bucket
	err := e.store.fetch(ctx, BucketName, maxBucketPayload, func(payload []byte) (err error) {
		b, err = clfs.DecodeBucket(payload)
		return clfs.WithObject(err, BucketName)
	})
	var format *clfs.FormatError
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return clfs.Bucket{}, fmt.Errorf("%s: %w: it has no bucket object", e.container, ErrForeign)
	case errors.As(err, &format), errors.Is(err, errDamaged), errors.Is(err, clfs.ErrEncrypted):
		return clfs.Bucket{}, fmt.Errorf("%s: %w: %w", e.container, ErrForeign, err)
	case err != nil:
		return clfs.Bucket{}, fmt.Errorf("bucket object: %w", err)
	}
	if b.UUID != e.journal.Settings.BucketUUID {
		return clfs.Bucket{}, fmt.Errorf("%s: %w: its bucket is %s, the journal's %s",
			e.container, ErrForeign, b.UUID, e.journal.Settings.BucketUUID)
	}
	return b, e.checkMark(ctx, b)
}
