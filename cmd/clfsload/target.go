package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"clfsload/sync/blob"
	"clfsload/sync/blob/dir"
	"clfsload/sync/blob/lease"
	"clfsload/sync/blob/retry"
	"clfsload/sync/outcome"
)

// targetFlags say how a target is reached.
type targetFlags struct {
	credentialsFile    string
	credentialsEnvFile string
	endpoint           string
}

// targetSpec is a target as the command line names it: a directory, a URL, or an
// account and a container.
type targetSpec struct {
	dir                     string
	url                     string
	account, container, sas string
}

// targetOf reads the arguments TARGET, or ACCOUNT CONTAINER [SAS].
func targetOf(args []string) (targetSpec, error) {
	if len(args) > 1 {
		s := targetSpec{account: args[0], container: args[1]}
		if len(args) > 2 {
			s.sas = args[2]
		}
		return s, nil
	}
	text := args[0]
	switch path, isDir := strings.CutPrefix(text, "dir:"); {
	case isDir && path == "":
		return targetSpec{}, errors.New("dir: names no directory")
	case isDir:
		return targetSpec{dir: path}, nil
	case strings.HasPrefix(text, "https://"), strings.HasPrefix(text, "http://"):
		return targetSpec{url: text}, nil
	}
	address, _, _ := strings.Cut(text, "?")
	return targetSpec{}, fmt.Errorf("%q is no target: it must be dir:PATH or the URL of a container", address)
}

// target is a container of either kind that commands can make and remove. Its
// requests are repeated by retry, around lease, around the container proper.
type target struct {
	blob.Container
	place
	access   access
	narrator narrator
	lease    *lease.Container
	retry    *retry.Container
	refresh  func() // looks for new credentials
}

func newTarget(a access) *target {
	t := &target{access: a}
	t.narrator.log.Store(a.log)
	t.narrator.who = a.who
	return t
}

// use makes c the container proper, for which refresh looks for credentials.
func (t *target) use(c lease.Leased, refresh func()) {
	o := retry.Options{InFlight: t.access.requests, For: t.access.flags.retryFor, Opening: t.access.opening, RefreshEvery: lookEvery}
	if h := t.access.hangup; h != nil {
		o.Refresh, o.Wake = func(context.Context) { refresh() }, h.wake
		h.serve(refresh)
	}
	t.refresh = refresh
	t.lease = lease.New(c)
	t.retry = retry.New(t.lease, o, t.narrator.events())
	t.Container = t.retry
}

// logTo sends what is to be told from now on to log.
func (t *target) logTo(log *slog.Logger) { t.narrator.log.Store(log) }

// close gives the container back, and its lease.
func (t *target) close(ctx context.Context) error {
	if t.lease == nil {
		return nil
	}
	if h := t.access.hangup; h != nil {
		h.close()
	}
	return t.release(ctx)
}

// releaseLimit is how long giving the lease back may take: it would end by itself.
const releaseLimit = 10 * time.Second

func (t *target) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	return t.lease.Release(ctx)
}

// place is what differs between a directory and a service.
type place interface {
	// check returns an error that wraps blob.ErrContainerMissing when the
	// container does not exist.
	check(ctx context.Context) error
	// create makes the container.
	create(ctx context.Context) error
	// discard removes a container that was made and not used.
	discard(ctx context.Context) error
	// byItself is whether a new transfer makes the container without being asked.
	byItself() bool
}

// find looks for the container. missing: it is to be made.
func (t *target) find(ctx context.Context, create bool) (missing bool, err error) {
	err = t.check(ctx)
	if !errors.Is(err, blob.ErrContainerMissing) {
		return false, err
	}
	if !create && !t.byItself() {
		return false, outcome.New(outcome.NoContainer, err, "create it, or pass --create-container")
	}
	return true, nil
}

// ensure finds the container, or makes it.
func (t *target) ensure(ctx context.Context, create bool) error {
	missing, err := t.find(ctx, create)
	if err == nil && missing {
		err = t.create(ctx)
	}
	return err
}

// openTarget returns the container that a command names. It makes no request.
func openTarget(spec targetSpec, f targetFlags, a access) (*target, error) {
	if spec.dir != "" {
		return openDirTarget(spec.dir, a)
	}
	return openAzureTarget(spec, f, a)
}

// openExisting returns the container that the argument text names, for commands
// that read it.
func openExisting(ctx context.Context, text string, f targetFlags, connections int) (blob.Container, error) {
	spec, err := targetOf([]string{text})
	if err != nil {
		return nil, outcome.New(outcome.Usage, err, "")
	}
	t, err := openTarget(spec, f, readAccess(connections))
	if err != nil {
		return nil, err
	}
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	return t.Container, nil
}

// dirPlace is a local directory. It is opened when it is first used, because a
// new transfer makes it.
type dirPlace struct {
	path string
	t    *target
}

func openDirTarget(path string, a access) (*target, error) {
	abs, err := resolve(path)
	if err != nil {
		return nil, fmt.Errorf("open dir:%s: %w", path, err)
	}
	t := newTarget(a)
	t.Container = missingDir{path: abs}
	t.place = &dirPlace{path: abs, t: t}
	return t, nil
}

func (d *dirPlace) byItself() bool { return true }

func (d *dirPlace) check(context.Context) error { return d.use(dir.Open(d.path)) }

func (d *dirPlace) create(context.Context) error {
	c, err := dir.Create(d.path)
	if errors.Is(err, blob.ErrContainerMissing) {
		return outcome.New(outcome.NoContainer, err, "it must be a directory, or a name in a directory that exists")
	}
	return d.use(c, err)
}

func (d *dirPlace) use(c *dir.Container, err error) error {
	if err == nil {
		d.t.use(c, func() {}) // a directory has no credentials
	}
	return err
}

func (d *dirPlace) discard(context.Context) error { return os.Remove(d.path) }

// missingDir stands for a directory that was not opened yet.
type missingDir struct {
	blob.Container
	path string
}

func (m missingDir) String() string { return "dir:" + m.path }
