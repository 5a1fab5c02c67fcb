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

// leasesName is a file in STATE with the ids of the leases that runs with it have
// taken, the last one first. By it a run takes over what a killed one has left.
// The ids are no secret, but they are in no container: a second STATE does not have
// them.
const leasesName = "leases"

// maxFormer is how many leases are remembered: those of starts that came to nothing,
// and before them the one that may still be held.
const maxFormer = 8

// LeaseIDs name the lease of a run, and those of the runs before it.
type LeaseIDs struct {
	id     string
	former []string
	path   string // of the file that has them
	before []byte // what it had before; nil: it was not there
	// BreakEndless: a lease of somebody else that has no end is broken.
	BreakEndless bool
}

// DrawLease draws the id of the lease of a run, and notes it in STATE before it can
// be taken: a run that is killed in between must not leave a lease that nobody knows.
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

// Forget takes back the note of a lease that was refused with an error. It stays if the
// error leaves open whether the lease was taken.
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
