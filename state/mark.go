package state

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Mark says which publications the container may hold, as far as the journal knows.
// A container that holds any other was written with another STATE or with a copy of
// this one.
type Mark struct {
	Publication uint64 // publications begun
	Newest      string // id of the publication that was begun last
	// Before are the ids of what the container may hold until that one is over: what it
	// held before, and attempts that were cut off, whose puts may come late.
	Before []string
}

// Knows reports whether the container may hold the publication of an id.
func (m Mark) Knows(id string) bool { return id == m.Newest || slices.Contains(m.Before, id) }

// maxBefore bounds the attempts that are remembered.
const maxBefore = 32

// Next is the mark of a publication with an id, in a container that holds another one.
func (m Mark) Next(id, held string) Mark {
	next := Mark{Publication: m.Publication + 1, Newest: id, Before: []string{held}}
	if len(m.Before) == 0 {
		return next
	}
	for _, other := range append([]string{m.Newest}, m.Before...) {
		if len(next.Before) < maxBefore && !slices.Contains(next.Before, other) {
			next.Before = append(next.Before, other)
		}
	}
	return next
}

// Mark returns the journal's mark.
func (j *Journal) Mark(ctx context.Context) (Mark, error) {
	var m Mark
	var before string
	err := j.read.QueryRowContext(ctx, `SELECT publication, newest, before FROM mark`).Scan(&m.Publication, &m.Newest, &before)
	if err != nil {
		return Mark{}, fmt.Errorf("read mark of journal: %w", classify(err))
	}
	if j.Publishing() {
		m.Before = strings.Fields(before)
	}
	return m, nil
}

// SetMark notes, durably, that the container is about to hold the publication
// m.Newest.
func (j *Journal) SetMark(ctx context.Context, m Mark) error {
	err := j.update(ctx, func(t *tx) error {
		_, err := t.stmts.setMark.Exec(m.Publication, m.Newest, strings.Join(m.Before, " "))
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
