package daemon

import (
	"context"
	"errors"

	"clfsload/state"
	"clfsload/sync/adopt"
	"clfsload/sync/outcome"
	"clfsload/sync/statedir"
	"clfsload/sync/tree"
)

// adopt makes the journal of a new STATE for a container that was there before. notEmpty is the
// error if it is no CLFS container. Nothing is written to the container before it is claimed.
func (m *mount) adopt(ctx context.Context, notEmpty error) error {
	found, err := adopt.Inspect(ctx, adopt.NewTree(m.target.Container, m.options.Concurrency), m.options.Detached)
	if errors.Is(err, tree.ErrNoContainer) {
		return notEmpty
	}
	if err == nil {
		err = m.target.Probe(ctx)
	}
	if err != nil {
		return err
	}
	own, _, err := m.newSettings()
	if err != nil {
		return err
	}
	settings, err := found.Settings(own)
	if err != nil {
		return outcome.New(outcome.State, err, "")
	}
	if err := makeRoomForState(m.dir, &m.undo); err != nil {
		return err
	}
	if m.journal, err = state.Adopt(m.dir, settings, found.Adoption()); err != nil {
		return statedir.Explain(err)
	}
	m.undo.Add(m.removeState)
	if err := m.beginAdopted(ctx); err != nil {
		return err
	}
	m.openLog()
	if mark := found.Bucket.Mark; mark != nil && mark.Open != "" {
		m.options.Log.Warn("the container was left open by another STATE: what that has not published is not here", "state", mark.State, "publication", mark.Publication)
	}
	return nil
}

// beginAdopted claims the container. Another process may have published there since it was
// looked at.
func (m *mount) beginAdopted(ctx context.Context) error {
	if err := errors.Join(m.newEngine(), m.newUploader()); err != nil {
		return err
	}
	m.undo.Add(m.target.Release)
	if err := m.uploads.connect(ctx); err != nil {
		return err
	}
	return m.engine.Begin(ctx)
}

// mostAdopted is how many entries the journal has before it drops what was only read: about 200 MB.
const mostAdopted = 1_000_000
