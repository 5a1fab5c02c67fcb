package store

import (
	"context"

	"clfsload/state/schema"
)

// Totals returns the counts as of the last commit.
func (j *Store) Totals() schema.Totals {
	l := j.ledger.Load()
	inodes, bytes := l.Counts.ToDo()
	return schema.Totals{Found: l.Found, DoneInodes: l.FoundInodes - inodes, DoneBytes: l.FoundBytes - bytes}
}

// Phase returns how far the transfer has come.
func (j *Store) Phase() schema.Phase { return j.ledger.Load().Phase }

// Counts returns the counts as of the last commit.
func (j *Store) Counts() schema.Counts { return j.ledger.Load().Counts }

// Seq is the number of the last change. It grows after the change can be read: whoever finds it
// as it was before he read an inode finds the names, contents and attributes of that as they were.
func (j *Store) Seq() uint64 { return j.ledger.Load().Seq }

// LastIno is the number of the newest inode.
func (j *Store) LastIno() schema.Ino { return j.ledger.Load().NextIno - 1 }

// InReach reports whether the container may lead to the inode blob of a node. Once it is so
// it stays so.
func (j *Store) InReach(n *schema.Node) bool { return j.ledger.Load().InReach(n.PutPub) }

// Publishing reports whether a publication is under way or was cut off.
func (j *Store) Publishing() bool { return j.ledger.Load().IsPublishing() }

// Completed is the number of the last publication that is complete.
func (j *Store) Completed() uint64 { return j.ledger.Load().Completed }

// SetPhase records how far the transfer has come.
func (j *Store) SetPhase(ctx context.Context, p schema.Phase) error {
	return j.Write(ctx, Durable, func(t *Tx) error {
		t.Ledger.Phase = p
		return nil
	})
}

// Changed returns a channel that is closed when rows enter a queue, or nodes leave it. Take it before asking for work, wait on it when there was none.
func (j *Store) Changed() <-chan struct{} { return j.wake.wait() }
