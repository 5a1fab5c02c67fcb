package journal

import "context"

// Durability is what a change survives once Write has returned.
type Durability int

const (
	// Acknowledged: the death of the process. The change is in the redo log and shares its
	// commit with others: it is for changes that are made all the time. What it executes
	// must be recorded.
	Acknowledged Durability = iota
	// Committed: the death of the process. The change is committed.
	Committed
	// Durable: a power cut.
	Durable
)

// Write makes a change in a transaction. When it returns the change has the durability
// and is seen by all who read. run must be repeatable: it is run again when another change
// of its group fails. If it returns an error nothing of it is kept. After Close Write returns
// ErrClosed.
func (f *File) Write(ctx context.Context, d Durability, run func() error) error {
	if f.write == nil {
		return ErrReadOnly
	}
	if err := f.write.submit(ctx, &change{run: run, mayWait: d == Acknowledged}); err != nil {
		return err
	}
	if d != Durable {
		return nil
	}
	return f.Sync(ctx)
}

// Sync returns when all changes that were acknowledged before it, or could be seen, survive
// a power cut. It costs nothing when there are none.
func (f *File) Sync(ctx context.Context) error {
	if f.write == nil {
		return nil
	}
	if err := f.write.catchUp(ctx); err != nil {
		return err
	}
	return f.write.disk.sync()
}
