package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"clfsload/sync/blob"
	"clfsload/sync/blob/dir"
	"clfsload/sync/blob/lease"
	"clfsload/sync/blob/retry"
	"clfsload/sync/outcome"
	"clfsload/sync/site"
)

// Sources are the sources of credentials and the address of a target.
type Sources struct {
	CredentialsFile    string
	CredentialsEnvFile string
	Endpoint           string
}

// Spec is a target as the command line names it: a directory, a URL, or an
// account and a container.
type Spec struct {
	Dir                     string
	url                     string
	account, container, sas string
}

// ParseSpec reads the arguments TARGET, or ACCOUNT CONTAINER [SAS].
func ParseSpec(args []string) (Spec, error) {
	if len(args) > 1 {
		s := Spec{account: args[0], container: args[1]}
		if len(args) > 2 {
			s.sas = args[2]
		}
		return s, nil
	}
	text := args[0]
	switch path, isDir := strings.CutPrefix(text, "dir:"); {
	case isDir && path == "":
		return Spec{}, errors.New("dir: names no directory")
	case isDir:
		return Spec{Dir: path}, nil
	case strings.HasPrefix(text, "https://"), strings.HasPrefix(text, "http://"):
		return Spec{url: text}, nil
	}
	address, _, _ := strings.Cut(text, "?")
	return Spec{}, fmt.Errorf("%q is not a target: it must be dir:PATH or the URL of a container", address)
}

// Target is a container of either kind that commands can create and remove. It is a retry around a
// lease around the container proper.
type Target struct {
	blob.Container
	place
	access   access
	narrator narrator
	Lease    *lease.Container
	retry    *retry.Container
	Refresh  func() // looks for new credentials
}

func newTarget(a access) *Target {
	t := &Target{access: a}
	t.narrator.log, t.narrator.who = a.log, a.Who
	return t
}

// use makes c the container proper. refresh looks for its credentials.
func (t *Target) use(c lease.Leased, refresh func()) {
	o := retry.Options{InFlight: t.access.requests, For: t.access.flags.For, Opening: t.access.Opening, RefreshEvery: LookEvery}
	if h := t.access.hangup; h != nil {
		o.Refresh, o.Wake = func(context.Context) { refresh() }, h.wake
		h.serve(refresh)
	}
	t.Refresh = refresh
	t.Lease = lease.New(c)
	t.retry = retry.New(t.Lease, o, t.narrator.events())
	t.Container = t.retry
}

// Outage is the reason why no request succeeds; nil: requests succeed.
func (t *Target) Outage() *Outage { return t.narrator.failing.Load() }

// Close releases the container and its lease.
func (t *Target) Close(ctx context.Context) error {
	if t.Lease == nil {
		return nil
	}
	if h := t.access.hangup; h != nil {
		h.close()
	}
	return t.Release(ctx)
}

// releaseLimit bounds the release of the lease, which would expire anyway.
const releaseLimit = 10 * time.Second

func (t *Target) Release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	return t.Lease.Release(ctx)
}

// place is the difference between a directory and a service.
type place interface {
	// Check returns an error that wraps blob.ErrContainerMissing when the
	// container does not exist.
	Check(ctx context.Context) error
	// create creates the container.
	create(ctx context.Context) error
	// discard removes a container that was created and not used.
	discard(ctx context.Context) error
	// byItself is whether a new transfer creates the container without a flag.
	byItself() bool
}

// find looks for the container. missing: it must be created.
func (t *Target) find(ctx context.Context, create bool) (missing bool, err error) {
	err = t.Check(ctx)
	if !errors.Is(err, blob.ErrContainerMissing) {
		return false, err
	}
	if !create && !t.byItself() {
		return false, outcome.New(outcome.NoContainer, err, "create it, or pass --create-container")
	}
	return true, nil
}

// Ensure finds the container, or creates it.
func (t *Target) Ensure(ctx context.Context, create bool) error {
	missing, err := t.find(ctx, create)
	if err == nil && missing {
		err = t.create(ctx)
	}
	return err
}

// Open returns the container that a command names. It makes no request.
func Open(spec Spec, f Sources, a access) (*Target, error) {
	if spec.Dir != "" {
		return openDirTarget(spec.Dir, a)
	}
	return openAzureTarget(spec, f, a)
}

// OpenExisting returns the container that the argument text names, for commands
// that read it.
func OpenExisting(ctx context.Context, text string, f Sources, connections int) (blob.Container, error) {
	spec, err := ParseSpec([]string{text})
	if err != nil {
		return nil, outcome.New(outcome.Usage, err, "")
	}
	t, err := Open(spec, f, readAccess(connections))
	if err != nil {
		return nil, err
	}
	if err := t.Check(ctx); err != nil {
		return nil, err
	}
	return t.Container, nil
}

// dirPlace is a local directory. It is opened at its first use, because a new transfer creates it.
type dirPlace struct {
	path string
	t    *Target
}

func openDirTarget(path string, a access) (*Target, error) {
	abs, err := site.Resolve(path)
	if err != nil {
		return nil, fmt.Errorf("open dir:%s: %w", path, err)
	}
	t := newTarget(a)
	t.Container = missingDir{path: abs}
	t.place = &dirPlace{path: abs, t: t}
	return t, nil
}

func (d *dirPlace) byItself() bool { return true }

func (d *dirPlace) Check(context.Context) error { return d.use(dir.Open(d.path)) }

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

// missingDir stands for a directory that is not open yet.
type missingDir struct {
	blob.Container
	path string
}

func (m missingDir) String() string { return "dir:" + m.path }
