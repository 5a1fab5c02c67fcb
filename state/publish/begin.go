package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"clfsload/clfs"
	"clfsload/state/garbage"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var unreachStmt = store.NewStatement(`UPDATE inode SET put_pub = 0 WHERE state = {removed} AND type = ?1 AND put_pub > ?2 AND seq <= ?3`)

// Publisher is the part of a journal that publications ask and change.
type Publisher struct{ *store.Store }

// BeginPublish begins a publication of the namespace as it is now. Until
// EndPublish, also after a crash, nothing that it may have put is deleted. No
// inode may be put by anybody else while it runs. The snapshot must be closed. still: nobody
// else changes the namespace until then.
func (j Publisher) BeginPublish(ctx context.Context, still bool) (*Snapshot, error) {
	// First that one is under way: whatever changes from now on reckons with it.
	err := j.Write(ctx, store.Durable, func(t *store.Tx) error {
		t.Ledger.Publication++
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("begin publication: %w", err)
	}
	s, err := j.PublicationSnapshot(ctx, still)
	if err != nil {
		return nil, fmt.Errorf("begin publication: %w", err)
	}
	return s, nil
}

// PublicationSnapshot is a snapshot of which no power cut takes anything back. If the last
// publication was cut off before its new directories were all put, nothing leads to those that
// were removed since, and nothing will.
func (j Publisher) PublicationSnapshot(ctx context.Context, still bool) (*Snapshot, error) {
	take := j.Snapshot
	if still {
		take = j.Still
	}
	s, err := take(ctx)
	if err != nil {
		return nil, err
	}
	if s.reached+1 < s.publication {
		err = j.Write(ctx, store.Durable, func(t *store.Tx) error {
			_, err := unreachStmt.Exec(t, clfs.TypeDirectory, s.reached, s.seq)
			return err
		})
	} else {
		err = j.Sync(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Snapshot returns the namespace as it is now. It must be closed.
func (j Publisher) Snapshot(ctx context.Context) (*Snapshot, error) {
	rows, err := j.OpenSnapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("make snapshot: %w", store.Classify(err))
	}
	s := &Snapshot{rows: rows}
	s.handleOf = s.handle
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("make snapshot: %w", store.Classify(err)), s.Close())
	}
	return s, nil
}

// Still is a Snapshot that asks the journal itself, whose log can be tidied up meanwhile. What is
// recorded of what was read does not come again: all is read in order.
func (j Publisher) Still(ctx context.Context) (*Snapshot, error) {
	s := &Snapshot{rows: present{j}, handleOf: j.Handle}
	if err := s.begin(ctx); err != nil {
		return nil, fmt.Errorf("look at the namespace: %w", store.Classify(err))
	}
	return s, nil
}

// present is the journal as it is.
type present struct{ j Publisher }

func (p present) Read(ctx context.Context, ask func(store.Querier) error) error {
	return p.j.Read(ctx, ask)
}

func (p present) Close() error { return nil }

// ReachNew notes, durably, that all new directories of the publication are put, so that
// others may lead there from now on. Until then nothing does: when the publication is cut
// off and one of them changes, it is put again before anything leads there.
func (j Publisher) ReachNew(ctx context.Context) error {
	err := j.Write(ctx, store.Durable, func(t *store.Tx) error {
		t.Ledger.Reached = t.Ledger.Publication
		return nil
	})
	if err != nil {
		return fmt.Errorf("note new directories: %w", err)
	}
	return nil
}

// EndPublish notes, durably, that the publication of a snapshot is complete. Nothing leads
// to the directories that were removed before it, so their tombstones are deleted.
func (j Publisher) EndPublish(ctx context.Context, seq uint64) error {
	if err := j.voidTombstonesOfRemoved(ctx, seq); err != nil {
		return fmt.Errorf("end publication: %w", err)
	}
	now := time.Now().UnixNano()
	err := j.Write(ctx, store.Durable, func(t *store.Tx) error {
		l := &t.Ledger.NamespaceLedger
		l.PublishedSeq, l.Completed = seq, l.Publication
		l.Published, l.PublishedAt = l.Nodes(), now
		return nil
	})
	if err != nil {
		return fmt.Errorf("end publication: %w", err)
	}
	return nil
}

// voidPage is how many directories are taken in one transaction.
const voidPage = 1000

// voidTombstonesOfRemoved deletes the tombstones of directories that were removed up to a change.
func (j Publisher) voidTombstonesOfRemoved(ctx context.Context, seq uint64) error {
	return store.ChangePages(ctx, j.Store, store.Committed, func(last schema.Ino) ([]schema.Ino, error) {
		page, err := store.QueryAll(ctx, j.ReadAtLength, store.ScanIno, `SELECT DISTINCT dir FROM tombstone WHERE dir > ?
			AND EXISTS (SELECT 1 FROM inode i WHERE i.ino = dir AND i.state = {removed} AND i.seq <= ?) ORDER BY dir LIMIT ?`,
			last, seq, voidPage)
		if err != nil {
			return nil, store.Classify(err)
		}
		return page, nil
	}, func(t *store.Tx, dir *schema.Ino) error { return garbage.VoidTombstones(t, *dir) })
}
