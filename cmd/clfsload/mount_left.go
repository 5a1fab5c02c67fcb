package main

import (
	"cmp"
	"context"
	"fmt"

	"clfsload/state"
	"clfsload/sync/engine"
)

// shownLeft bounds the lists of what is not uploaded or not published.
const shownLeft = 1000

// leftValue is an entry that is not uploaded, or not published as it is now.
type leftValue struct {
	pathValue
	Why string `json:"why"`
}

// nameLeft makes a report name, in place of what it has named, all that is not uploaded
// now, or with toPublish not published.
func (m *writableMount) nameLeft(ctx context.Context, r *flushReport, toPublish bool) error {
	r.Left, r.LeftTotal = []leftValue{}, 0
	reasons, err := m.failureReasons(ctx)
	if err != nil {
		return err
	}
	nodes, err := m.journal.Waiting(ctx, toPublish, shownLeft)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		path := m.pathOf(ctx, n)
		r.add(path, cmp.Or(reasons[path], m.whyLeft(n)))
	}
	t := m.journal.MountTotals()
	total := t.Dirty + t.Queued
	if toPublish {
		total += t.Sealed + t.Held
	}
	r.LeftTotal = max(r.LeftTotal, int(total))
	return nil
}

// nameBehind makes a report name, in place of what it has named, what a publication
// does not have as it was then.
func (m *writableMount) nameBehind(ctx context.Context, r *flushReport, p engine.PublishReport) error {
	reasons, err := m.failureReasons(ctx)
	r.Left = []leftValue{}
	for _, b := range p.Behind {
		r.add(b.Path, cmp.Or(b.Problem, reasons[b.Path], m.whyLeft(b.Node)))
	}
	r.LeftTotal = int(p.LeftOut + p.KeptOld)
	return err
}

// failureReasons tells of files that could not be uploaded why, by their paths.
func (m *writableMount) failureReasons(ctx context.Context) (map[string]string, error) {
	failures, err := m.journal.UploadFailures(ctx, shownLeft)
	reasons := map[string]string{}
	for _, f := range failures {
		reasons[f.Path] = "cannot be uploaded: " + f.Reason
	}
	return reasons, err
}

// pathOf is the path of a node, for a message.
func (m *writableMount) pathOf(ctx context.Context, n state.Node) string {
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
func (m *writableMount) listUnsettled(ctx context.Context, seq uint64, r *flushReport) error {
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
			r.add(m.pathOf(ctx, n), m.whyLeft(n))
		}
	}
}

const openForWriting = "open for writing"

// whyLeft is whyLeft of a node of a mount that serves. It knows of descriptors that the
// journal takes for closed because a copy of them was.
func (m *writableMount) whyLeft(n state.Node) string {
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
		return "incomplete: a crash of the mount cut off its writer"
	case n.State == state.Dirty:
		return "changed just now"
	case n.State == state.Queued:
		return "not uploaded yet"
	}
	return "not published yet"
}
