package publish

import (
	"context"
	"fmt"
	"slices"

	"clfsload/clfs/object"
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
func (p *Publisher) putLogs(ctx context.Context, logs []Log) error {
	b, err := p.Bucket.Read(ctx)
	if err != nil {
		return err
	}
	before := b.Logs
	b.Logs = nil
	for _, l := range logs {
		b.Logs = append(b.Logs, l.Name)
	}
	if !slices.Equal(before, b.Logs) {
		if err := p.nameLogs(ctx, b, before); err != nil {
			return err
		}
	}
	for _, l := range logs {
		data, err := l.Read()
		if err != nil {
			return fmt.Errorf("read log %s: %w", l.Name, err)
		}
		if err := p.Store.Put(ctx, l.Name, data); err != nil {
			return fmt.Errorf("put log %s: %w", l.Name, err)
		}
	}
	return nil
}

// nameLogs replaces the bucket object by one with other logs.
func (p *Publisher) nameLogs(ctx context.Context, b object.Bucket, before []string) error {
	for _, name := range before {
		if slices.Contains(b.Logs, name) {
			continue
		}
		if err := p.Container.Delete(ctx, name); err != nil {
			return fmt.Errorf("delete log %s: %w", name, err)
		}
	}
	return p.Bucket.Put(ctx, b)
}
