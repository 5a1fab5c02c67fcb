package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"clfsload/sync/blob"
	"clfsload/sync/engine"
	"clfsload/sync/outcome"
)

// leasesName is a file in STATE with the ids of the leases that runs with it have
// taken, the last one first. By it a run takes over what a killed one has left.
// The ids are no secret, but they are in no container: a second STATE does not have
// them.
const leasesName = "leases"

// maxFormer is how many leases are remembered: those of starts that came to nothing,
// and before them the one that may still be held.
const maxFormer = 8

// leaseIDs name the lease of a run, and those of the runs before it.
type leaseIDs struct {
	id     string
	former []string
	path   string // of the file that has them
	before []byte // what it had before; nil: it was not there
	// breakEndless: a lease of somebody else that has no end is broken.
	breakEndless bool
}

// drawLease draws the id of the lease of a run, and notes it in STATE before it can
// be taken: a run that is killed in between must not leave a lease that nobody knows.
func drawLease(stateDir string) (leaseIDs, error) {
	path := filepath.Join(stateDir, leasesName)
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return leaseIDs{}, outcome.New(outcome.State, fmt.Errorf("read leases: %w", err), "")
	}
	l := leaseIDs{id: randomUUID(), former: strings.Fields(string(content)), path: path, before: content}
	l.former = l.former[:min(len(l.former), maxFormer)]
	err = replaceFile(path, func(w *bufio.Writer) error {
		_, err := fmt.Fprintln(w, strings.Join(append([]string{l.id}, l.former...), "\n"))
		return err
	})
	if err != nil {
		return leaseIDs{}, fmt.Errorf("note the lease: %w", err)
	}
	return l, nil
}

// forget takes back the note of a lease that was refused with an error. It stays if the
// error leaves open whether the lease was taken.
func (l leaseIDs) forget(refused error) error {
	for _, unknown := range []error{blob.ErrTransient, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(refused, unknown) {
			return nil
		}
	}
	if l.before == nil {
		return removeIfThere(l.path)
	}
	return replaceFile(l.path, func(w *bufio.Writer) error {
		_, err := w.Write(l.before)
		return err
	})
}

// claim takes the lease of the container.
func (t *target) claim(ctx context.Context, l leaseIDs) error {
	err := t.retry.Do(ctx, "lease", engine.BucketName, func() error {
		return t.lease.Acquire(ctx, engine.BucketName, blob.LeaseRequest{ID: l.id, Former: l.former, BreakEndless: l.breakEndless})
	})
	if err != nil {
		return fmt.Errorf("claim container %s: %w", t, err)
	}
	return nil
}
