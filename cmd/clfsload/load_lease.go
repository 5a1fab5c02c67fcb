package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"clfsload/sync/engine"
)

// leasesName is a file in STATE with the ids of the leases that runs of the transfer
// have taken, the last one first. By it a run takes over what a killed one has left.
// The ids are no secret, but they are in no container: a second STATE does not have
// them.
const leasesName = "leases"

// maxFormer is how many leases are remembered: those of starts that came to nothing,
// and before them the one that may still be held.
const maxFormer = 8

// claim takes the lease of the container.
func (l *load) claim(ctx context.Context) error {
	path := filepath.Join(l.journal.Dir(), leasesName)
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return withExit(exitState, fmt.Errorf("read leases: %w", err), "")
	}
	id, former := randomUUID(), strings.Fields(string(content))
	former = former[:min(len(former), maxFormer)]
	// The id is noted first: a run that is killed in between must not leave a lease
	// that nobody knows.
	err = replaceFile(path, func(w *bufio.Writer) error {
		_, err := fmt.Fprintln(w, strings.Join(append([]string{id}, former...), "\n"))
		return err
	})
	if err != nil {
		return fmt.Errorf("note the lease: %w", err)
	}
	return l.target.retry.Do(ctx, "lease", engine.BucketName, func() error {
		return l.target.lease.Acquire(ctx, engine.BucketName, id, former)
	})
}

// holding runs do while it keeps the lease, ends its context when the lease is lost,
// and gives the lease back.
func (l *load) holding(ctx context.Context, do func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	keeping, done := context.WithCancel(ctx)
	var keeper errgroup.Group
	keeper.Go(func() error {
		err := l.target.lease.Keep(keeping)
		if err != nil {
			stop(err)
		}
		return err
	})
	err := do(ctx)
	done()
	lost := keeper.Wait()
	stop(nil)
	if err := l.target.release(ctx); err != nil {
		l.log.Warn("the container may be taken for in use for another minute", "error", err)
	}
	if err != nil && lost != nil {
		return lost
	}
	return err
}
