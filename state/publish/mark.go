package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"clfsload/state/store"
)

var setMarkStmt = store.NewStatement(`UPDATE mark SET publication = ?, newest = ?, before = ?`)

// Mark says which marks the container may have, as far as the journal knows. A
// container that has any other was written with another STATE or with a copy of
// this one.
type Mark struct {
	Publication uint64 // publications begun
	Newest      string // id that was drawn last: see object.Mark
	// Before are the ids of what the container may still hold instead, until it is known to
	// hold Newest: what it held before, and attempts that were cut off.
	Before []string
}

// Knows reports whether the container may hold the publication of an id.
func (m Mark) Knows(id string) bool { return id == m.Newest || slices.Contains(m.Before, id) }

// maxBefore bounds the attempts that are remembered.
const maxBefore = 32

// Next is the mark with another id, for a container that holds the id held.
func (m Mark) Next(id, held string) Mark {
	next := Mark{Publication: m.Publication, Newest: id, Before: []string{held}}
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
func (j Publisher) Mark(ctx context.Context) (Mark, error) {
	var m Mark
	var before string
	err := j.Row(ctx, `SELECT publication, newest, before FROM mark`).Scan(&m.Publication, &m.Newest, &before)
	if err != nil {
		return Mark{}, fmt.Errorf("read mark of journal: %w", store.Classify(err))
	}
	m.Before = strings.Fields(before)
	return m, nil
}

// SetMark notes a mark, durably.
func (j Publisher) SetMark(ctx context.Context, m Mark) error {
	err := j.Write(ctx, store.Durable, func(t *store.Tx) error {
		_, err := setMarkStmt.Exec(t, m.Publication, m.Newest, strings.Join(m.Before, " "))
		return err
	})
	if err != nil {
		return fmt.Errorf("write mark of journal: %w", err)
	}
	return nil
}
