package target

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"clfsload/sync/blob"
	"clfsload/sync/durable"
	"clfsload/sync/engine/bucket"
	"clfsload/sync/outcome"
	"clfsload/sync/random"
)

// leasesName is a file in STATE with the ids of the leases of earlier runs, the last one first.
// With it a run takes over the lease of a killed run. The ids are not secret, but no container
// holds them: a second STATE does not have them.
const leasesName = "leases"

// maxFormer is how many leases are kept: those of failed starts, and before them the one that may
// still be held.
const maxFormer = 8

// LeaseIDs name the lease of a run, and those of the runs before it.
type LeaseIDs struct {
	id     string
	former []string
	path   string // of the file that has them
	before []byte // its earlier contents; nil: it did not exist
	// BreakEndless: break a lease of another process that does not expire.
	BreakEndless bool
}

// DrawLease draws the id of a run's lease, and records it in STATE before the lease is taken: if
// the run is killed in between, the id of its lease must be known.
func DrawLease(stateDir string) (LeaseIDs, error) {
	path := filepath.Join(stateDir, leasesName)
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return LeaseIDs{}, outcome.New(outcome.State, fmt.Errorf("read leases: %w", err), "")
	}
	l := LeaseIDs{id: random.UUID(), former: strings.Fields(string(content)), path: path, before: content}
	l.former = l.former[:min(len(l.former), maxFormer)]
	err = durable.Replace(path, func(w *bufio.Writer) error {
		_, err := fmt.Fprintln(w, strings.Join(append([]string{l.id}, l.former...), "\n"))
		return err
	})
	if err != nil {
		return LeaseIDs{}, fmt.Errorf("note the lease: %w", err)
	}
	return l, nil
}

// Forget removes the record of a lease that was refused. The record stays if the error leaves open
// whether the lease was taken.
func (l LeaseIDs) Forget(refused error) error {
	for _, unknown := range []error{blob.ErrTransient, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(refused, unknown) {
			return nil
		}
	}
	if l.before == nil {
		return durable.Remove(l.path)
	}
	return durable.Replace(l.path, func(w *bufio.Writer) error {
		_, err := w.Write(l.before)
		return err
	})
}

// Claim takes the lease of the container.
func (t *Target) Claim(ctx context.Context, l LeaseIDs) error {
	err := t.retry.Do(ctx, "lease", bucket.Name, func() error {
		return t.Lease.Acquire(ctx, bucket.Name, blob.LeaseRequest{ID: l.id, Former: l.former, BreakEndless: l.BreakEndless})
	})
	if err != nil {
		return fmt.Errorf("claim container %s: %w", t, err)
	}
	return nil
}
