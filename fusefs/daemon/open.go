package daemon

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/DeRuina/timberjack"

	"clfsload/fusefs/daemon/backing"
	"clfsload/fusefs/daemon/upload"
	"clfsload/fusefs/staging"
	"clfsload/fusefs/writable"
	"clfsload/state"
	"clfsload/sync/adopt"
	"clfsload/sync/blob/cache"
	"clfsload/sync/blob/limit"
	"clfsload/sync/durable"
	"clfsload/sync/engine"
	"clfsload/sync/metrics"
	"clfsload/sync/outcome"
	"clfsload/sync/progress"
	"clfsload/sync/site"
	"clfsload/sync/statedir"
	"clfsload/sync/target"
)

// mount is a mount that takes writes, and what it works with.
type mount struct {
	options Options
	point   string
	dir     string // STATE
	log     *timberjack.Logger
	target  *target.Target
	journal *state.Journal
	limiter *limit.Limiter
	cache   *cache.Dir // nil: none
	engine  *engine.Engine
	reader  *adopt.Reader
	staged  *staging.Store
	fs      *writable.FS
	uploads *upload.Uploader
	metrics net.Listener // nil: none
	undo    target.Undo  // of what a refused mount has made

	began time.Time
	meter progress.Meter

	publishing atomic.Int32 // publications under way or waiting for the container
	commanded  atomic.Bool  // a command unmounts
	asked      chan error   // has an element when it has done so: what is left, as the process's last word
}

const (
	stagingName       = "staging" // directory in STATE: contents of files
	pointName         = "mountpoint"
	roomName          = "staging-limit"
	LeastStagingLimit = 64 << 20 // that --staging-limit can be
)

// openWritable opens everything that a mount needs, down to the mount itself. What it
// cannot open is closed again.
func openWritable(ctx context.Context, o Options) (*mount, error) {
	m := &mount{options: o, point: o.Point, began: time.Now(), limiter: limit.New(o.Bandwidth),
		asked: make(chan error, 1)}
	if err := m.open(ctx); err != nil {
		return nil, errors.Join(outcome.OfContext(ctx, err), m.undo.Run(ctx), m.close(ctx))
	}
	return m, nil
}

func (m *mount) open(ctx context.Context) error {
	var err error
	if m.metrics, err = metrics.Listen(m.options.MetricsAddress); err != nil {
		return err
	}
	if m.dir, err = StateDir(m.options.State, m.point); err != nil {
		return err
	}
	found, err := state.Exists(m.dir)
	if err != nil {
		return outcome.New(outcome.State, fmt.Errorf("open state: %w", err), statedir.Access)
	}
	if found {
		err = m.resume(ctx)
		if err != nil {
			err = m.takeOver(ctx, err)
		}
	} else {
		err = m.create(ctx)
	}
	if err != nil {
		return err
	}
	if path, isDir := strings.CutPrefix(m.target.String(), "dir:"); isDir {
		statedir.WarnOfSharing(path, m.options.Log)
	}
	return m.recover(ctx)
}

// notePoint writes into STATE where it is mounted.
func (m *mount) notePoint() error {
	return durable.Replace(filepath.Join(m.dir, pointName), func(w *bufio.Writer) error {
		_, err := w.WriteString(m.point)
		return err
	})
}

// StateDir returns the absolute STATE of a mount.
func StateDir(named, point string) (string, error) {
	if named == "" {
		var err error
		if named, err = statedir.OfMount(point); err != nil {
			return "", err
		}
	}
	dir, err := site.New("STATE", named)
	if err != nil {
		return "", err
	}
	mountPoint, err := site.New("MOUNTPOINT", point)
	if err != nil {
		return "", err
	}
	if err := cmp.Or(dir.ApartFrom(mountPoint), dir.OutOfOthers()); err != nil {
		return "", outcome.New(outcome.State, err, site.AnotherPlace)
	}
	return dir.Path, nil
}

// spec is the container that a mount is for. was is what its journal says; "" in a
// new one.
func (m *mount) spec(was string) (target.Spec, error) {
	text := m.options.Target
	if text == "" {
		text = was
	}
	if m.options.Target == "" && m.liesInState(was) {
		return target.Spec{Dir: filepath.Join(m.dir, backing.ContainerDir)}, nil
	}
	spec, err := target.ParseSpec([]string{text})
	if err != nil {
		return spec, outcome.New(outcome.Usage, err, "")
	}
	if spec.Dir == "" {
		return spec, nil
	}
	_, err = backing.CheckSite(spec, m.point, m.dir)
	return spec, err
}

// liesInState reports whether the container is the one in STATE: that is so of one that
// was never named, also after STATE was moved.
func (m *mount) liesInState(was string) bool {
	if was == "" {
		return true
	}
	path, isDir := strings.CutPrefix(was, "dir:")
	if !isDir || filepath.Base(path) != backing.ContainerDir {
		return false
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return false
	}
	_, err := os.Lstat(filepath.Join(m.dir, backing.ContainerDir))
	return err == nil
}

// isDefault reports whether a container is the one in STATE, which is made with it.
func (m *mount) isDefault(spec target.Spec) bool {
	return spec.Dir == filepath.Join(m.dir, backing.ContainerDir)
}

// openLog sends the log to STATE as well.
func (m *mount) openLog() {
	m.log = statedir.NewLog(m.dir)
	m.options.LogTo(m.log)
}

func (m *mount) openTarget(spec target.Spec, opening time.Duration) (err error) {
	a := m.options.Patience.Access(m.options.Concurrency, m.options.Log)
	a.Opening, a.Who = opening, "mount"
	m.target, err = target.Open(spec, m.options.Sources, a)
	return err
}

func (m *mount) newEngine() error {
	container, err := m.cacheOf(limit.Wrap(m.target.Container, m.limiter))
	if err != nil {
		return err
	}
	o := engine.Options{Concurrency: m.options.Concurrency, Memory: m.options.Memory, StateName: statedir.Name(m.dir), Live: true, Tree: adopt.NewTree(container, m.options.Concurrency)}
	m.reader = adopt.New(m.journal, o.Tree, m.options.Log)
	e, err := engine.New(m.journal, container, o, engine.Events{
		Failure: func(path string, p state.Failure) {
			m.options.Log.Error("a file cannot be uploaded; it is retried", "path", path, "op", p.Op, "reason", p.Reason)
		},
		Warning: func(path, text string) { m.options.Log.Warn(text, "path", path) },
	})
	m.engine = e
	return err
}
