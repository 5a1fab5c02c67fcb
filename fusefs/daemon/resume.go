package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"clfsload/fusefs/staging"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/durable"
	"clfsload/sync/engine/bucket"
	"clfsload/sync/outcome"
	"clfsload/sync/statedir"
	"clfsload/sync/target"
)

// reachFor is how long the start of a mount waits for a container that it had before.
const reachFor = 5 * time.Second

// resume opens a journal that was made before. A service that cannot be reached does
// not keep the mount from serving.
func (m *mount) resume(ctx context.Context) (err error) {
	if m.journal, err = state.Open(m.dir); err != nil {
		return statedir.Explain(err)
	}
	if err := statedir.Close(m.dir, m.options.Log); err != nil {
		return err
	}
	m.openLog()
	if err := m.compareSettings(); err != nil {
		return err
	}
	spec, err := m.spec(m.journal.Settings.Target)
	if err != nil {
		return err
	}
	opening := m.options.Patience.For
	if m.journal.Phase() == state.PhaseNew {
		opening = target.OpeningFor
	}
	if err := m.openTarget(spec, opening); err != nil {
		return err
	}
	if target, was := m.target.String(), m.journal.Settings.Target; m.options.Target != "" && target != was {
		return outcome.New(outcome.State, fmt.Errorf("this STATE was begun with TARGET %s, not %s", was, target), otherState)
	}
	if m.journal.Phase() == state.PhaseNew {
		if err := m.target.Ensure(ctx, m.options.CreateContainer || m.isDefault(spec)); err != nil {
			return err
		}
		err := m.beginNew(ctx)
		m.undo.Keep() // STATE was there before
		return err
	}
	if err := m.reach(ctx, spec); err != nil || m.journal.Settings.Kind == state.KindMount {
		return err
	}
	return m.journal.BeginMount(ctx)
}

// reach claims the container, or leaves that to the background when the service does
// not answer.
func (m *mount) reach(ctx context.Context, spec target.Spec) error {
	soon, cancel := context.WithTimeout(ctx, reachFor)
	defer cancel()
	err := m.target.Check(soon)
	if err != nil && spec.Dir != "" {
		return err
	}
	if err := errors.Join(m.newEngine(), m.newUploader()); err != nil {
		return err
	}
	if err == nil {
		err = m.uploads.Connect(soon)
	}
	switch {
	case err == nil:
		m.undo.Add(m.giveBack)
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case spec.Dir != "", errors.Is(err, blob.ErrLeased), errors.Is(err, bucket.ErrForeign), errors.Is(err, bucket.ErrOtherPublication),
		errors.Is(err, blob.ErrContainerMissing):
		return errors.Join(err, m.uploads.TakeBackNote(err))
	}
	err = m.unreached(err)
	if m.options.TakeOver { // whether STATE fits is not known
		return errors.Join(err, m.uploads.TakeBackNote(err))
	}
	m.uploads.Failed("reach the container", err)
	return nil
}

// giveBack ends the lease of a mount that is refused, and takes back that STATE has it.
func (m *mount) giveBack(ctx context.Context) error {
	if err := m.target.Release(ctx); err != nil {
		return err
	}
	return m.uploads.TakeBackNote(nil)
}

// unreached says why a container did not answer in time.
func (m *mount) unreached(err error) error {
	switch t := m.target.Outage(); {
	case t != nil:
		return t.Err
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer after %s", blob.ErrTransient, reachFor)
	}
	return err
}

// otherState is what to do about a flag that does not fit the journal.
const otherState = "leave it out, or mount with another STATE and an empty container"

// compareSettings refuses a command line that does not fit the journal.
func (m *mount) compareSettings() error {
	s := m.journal.Settings
	if s.Kind != state.KindMount && m.journal.Phase() != state.PhaseComplete {
		return outcome.New(outcome.State, fmt.Errorf("state directory %s is that of a load that is not complete", m.dir), "finish the load, or choose another STATE for the mount")
	}
	if o := &m.options; o.Given("compression") && o.Compression != s.Compression {
		return outcome.New(outcome.State, fmt.Errorf("this STATE was begun with --compression %s, not %s",
			s.Compression, o.Compression), otherState)
	}
	return nil
}

// recover puts the journal in order after a crash.
func (m *mount) recover(ctx context.Context) (err error) {
	if m.staged, err = staging.Open(filepath.Join(m.dir, stagingName)); err != nil {
		return statedir.Explain(err)
	}
	m.staged.LimitOpen(m.options.OpenStaged)
	boot, rebooted := statedir.BootID(m.dir)
	cutOff, err := m.journal.Recover(ctx, rebooted, m.staged.Stat)
	if err != nil {
		return err
	}
	if cutOff > 0 {
		m.options.Log.Warn("files were being written when the last mount ended; they are incomplete: kept, and not published until they are written again; see 'clfsload incomplete'", "files", cutOff)
	}
	if m.options.IncludeIncomplete {
		if err := m.acceptIncomplete(ctx); err != nil {
			return err
		}
	}
	return durable.Replace(filepath.Join(m.dir, statedir.BootName), func(w *bufio.Writer) error {
		_, err := w.WriteString(boot)
		return err
	})
}
