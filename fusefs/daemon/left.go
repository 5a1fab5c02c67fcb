package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"clfsload/fusefs/daemon/wire"
	"clfsload/state"
	"clfsload/sync/engine/publish"
)

// nameLeft makes a report name, in place of what it has named, all that is not uploaded
// now, or with toPublish not published.
func (m *mount) nameLeft(ctx context.Context, r *wire.Report, toPublish, leave bool) error {
	r.Reset()
	reasons, err := m.failureReasons(ctx)
	if err != nil {
		return err
	}
	nodes, err := m.journal.Waiting(ctx, toPublish, wire.ListedLeft)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if err := m.addLeft(ctx, r, n, m.pathOf(ctx, n), reasons, leave); err != nil {
			return err
		}
	}
	t := m.journal.Counts()
	total := t.Dirty + t.Queued
	if toPublish {
		total += t.Sealed + t.Held
	}
	return m.countLeft(ctx, r, int(total), leave)
}

// addLeft adds a node that is not uploaded or published to a report.
func (m *mount) addLeft(ctx context.Context, r *wire.Report, n state.Node, path string, reasons map[string]string, leave bool) error {
	why, err := m.incompletes().excuse(ctx, n, leave)
	if err != nil {
		return err
	}
	if why != "" {
		r.AddIncomplete(path, why)
	} else {
		r.Add(path, cmp.Or(reasons[path], m.whyLeft(n)))
	}
	return nil
}

// countLeft makes the counts of a report right of which not all of total nodes are named.
func (m *mount) countLeft(ctx context.Context, r *wire.Report, total int, leave bool) error {
	excused, err := m.incompletes().excused(ctx, leave)
	r.IncompleteTotal = max(r.IncompleteTotal, excused)
	r.LeftTotal = max(r.LeftTotal, total-r.IncompleteTotal)
	return err
}

// nameBehind makes a report name, in place of what it has named, what a publication
// does not have as it was then.
func (m *mount) nameBehind(ctx context.Context, r *wire.Report, p publish.Report, leave bool) error {
	reasons, err := m.failureReasons(ctx)
	if err != nil {
		return err
	}
	r.Reset()
	for _, b := range p.Behind {
		if b.Failure != "" {
			r.Add(b.Path, b.Failure)
		} else if err := m.addLeft(ctx, r, b.Node, b.Path, reasons, leave); err != nil {
			return err
		}
	}
	return m.countLeft(ctx, r, int(p.LeftOut+p.KeptOld), leave)
}

// failureReasons tells of files that could not be uploaded why, by their paths.
func (m *mount) failureReasons(ctx context.Context) (map[string]string, error) {
	failures, err := m.journal.UploadFailures(ctx, wire.ListedLeft)
	reasons := map[string]string{}
	for _, f := range failures {
		reasons[f.Path] = "cannot be uploaded: " + f.Reason
	}
	return reasons, err
}

// pathOf is the path of a node, for a message.
func (m *mount) pathOf(ctx context.Context, n state.Node) string {
	path, err := m.journal.Path(ctx, n.Inode)
	switch {
	case err != nil:
		return fmt.Sprintf("inode %d", n.Ino)
	case path == "":
		return "/"
	}
	return path
}

// listUnsettled names what was changed up to seq and is not settled.
func (m *mount) listUnsettled(ctx context.Context, seq uint64, r *wire.Report, leave bool) error {
	const page = 500
	for after := state.Ino(0); ; {
		nodes, err := m.journal.Unsettled(ctx, after, page)
		if err != nil || len(nodes) == 0 {
			return err
		}
		for _, n := range nodes {
			after = n.Ino
			if n.Seq > seq {
				continue
			}
			if err := m.addLeft(ctx, r, n, m.pathOf(ctx, n), nil, leave); err != nil {
				return err
			}
		}
	}
}

const openForWriting = "open for writing"

// whyLeft is whyLeft of a node of a mount that serves. It knows of descriptors that the
// journal takes for closed because a copy of them was.
func (m *mount) whyLeft(n state.Node) string {
	if n.State == state.Dirty && m.fs.IsWritten(n.Ino) {
		return openForWriting
	}
	return whyLeft(n)
}

// whyLeft says why a node is not uploaded, or not published, as it is now.
func whyLeft(n state.Node) string {
	switch {
	case n.Flags&state.Opened != 0:
		return openForWriting
	case n.Flags&state.Incomplete != 0:
		return cutOffWriter
	case n.State == state.Dirty:
		return "changed just now"
	case n.State == state.Queued:
		return "not uploaded yet"
	}
	return "not published yet"
}

// leftoverText names what is left to be deleted; "" if there is nothing.
func (m *mount) leftoverText() string {
	left, err := m.journal.Leftovers(context.Background())
	if err != nil {
		m.options.Log.Warn("what the container still holds is not known", "error", err)
	}
	return wire.Leftovers(left).String()
}

// countLeftovers adds to the error of a publication that could not delete everything how
// much that is.
func (m *mount) countLeftovers(err error) error {
	if !errors.Is(err, publish.ErrLeftover) {
		return err
	}
	return fmt.Errorf("everything else is done; still in the container: %s: %w", m.leftoverText(), err)
}
