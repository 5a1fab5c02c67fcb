package state

import (
	"context"
	"fmt"
)

// Mark says which publications the container may hold, as far as the journal knows.
// A container that holds any other was written with another STATE or with a copy of
// this one.
type Mark struct {
	Publication uint64 // publications begun
	Newest      string // id of the publication that was begun last
	Before      string // id of the one that the container held at that moment; "": none, or that is over
}

// Mark returns the journal's mark.
func (j *Journal) Mark(ctx context.Context) (Mark, error) {
	var m Mark
	err := j.read.QueryRowContext(ctx, `SELECT publication, newest, before FROM mark`).Scan(&m.Publication, &m.Newest, &m.Before)
	if err != nil {
		return Mark{}, fmt.Errorf("read mark of journal: %w", classify(err))
	}
	if !j.Publishing() {
		m.Before = ""
	}
	return m, nil
}

// SetMark notes, durably, that the container is about to hold the publication
// m.Newest.
func (j *Journal) SetMark(ctx context.Context, m Mark) error {
	err := j.update(ctx, func(t *tx) error {
		_, err := t.stmts.setMark.Exec(m.Publication, m.Newest, m.Before)
		return err
	})
	if err != nil {
		return fmt.Errorf("write mark of journal: %w", err)
	}
	return nil
}

// Publishing reports whether a publication is under way or was cut off. A load has one
// that ends with it.
func (j *Journal) Publishing() bool {
	if j.Settings.Kind == KindMount {
		return j.ledger.Load().publishing != 0
	}
	return j.Phase() != PhaseComplete
}
