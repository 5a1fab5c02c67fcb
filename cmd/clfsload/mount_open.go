package main

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

	"clfsload/fusefs/staging"
	"clfsload/fusefs/writable"
	"clfsload/state"
	"clfsload/sync/adopt"
	"clfsload/sync/blob/cache"
	"clfsload/sync/blob/limit"
	"clfsload/sync/durable"
	"clfsload/sync/engine"
	"clfsload/sync/load"
	"clfsload/sync/metrics"
	"clfsload/sync/outcome"
	"clfsload/sync/progress"
	"clfsload/sync/site"
	"clfsload/sync/statedir"
	"clfsload/sync/target"
)

// writableMount is a mount that takes writes, and what it works with.
type writableMount struct {
	options mountOptions
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
	uploads *uploader
	metrics net.Listener // nil: none
	undo    target.Undo  // of what a refused mount has made

	began time.Time
	meter progress.Meter

	publishing atomic.Int32 // publications under way or waiting for the container
	commanded  atomic.Bool  // a command unmounts
	asked      chan error   // has an element when it has done so: what is left, as the process's last word
}

const (
	stagingName  = "staging"   // directory in STATE: contents of files
	containerDir = "container" // directory in STATE: the container where none is named
	pointName    = "mountpoint"
	roomName     = "staging-limit"
	leastRoom    = 64 << 20 // that --staging-limit can be
)

// openWritable opens everything that a mount needs, down to the mount itself. What it
// cannot open is closed again.
func openWritable(ctx context.Context, o mountOptions) (*writableMount, error) {
	m := &writableMount{options: o, point: o.point, began: time.Now(), limiter: limit.New(o.bandwidth),
		asked: make(chan error, 1)}
	if err := m.open(ctx); err != nil {
		return nil, errors.Join(outcome.OfContext(ctx, err), m.undo.Run(ctx), m.close(ctx))
	}
	return m, nil
}

func (m *writableMount) open(ctx context.Context) error {
	var err error
	if m.metrics, err = metrics.Listen(m.options.metricsAddress); err != nil {
		return err
	}
	if m.dir, err = mountState(m.options.state, m.point); err != nil {
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
		statedir.WarnOfSharing(path, m.options.log)
	}
	return m.recover(ctx)
}

// notePoint writes into STATE where it is mounted.
func (m *writableMount) notePoint() error {
	return durable.Replace(filepath.Join(m.dir, pointName), func(w *bufio.Writer) error {
		_, err := w.WriteString(m.point)
		return err
	})
}

// mountState returns the absolute STATE of a mount.
func mountState(named, point string) (string, error) {
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
func (m *writableMount) spec(was string) (target.Spec, error) {
	text := m.options.target
	if text == "" {
		text = was
	}
	if m.options.target == "" && m.movedAlong(was) {
		return target.Spec{Dir: filepath.Join(m.dir, containerDir)}, nil
	}
	spec, err := target.ParseSpec([]string{text})
	if err != nil {
		return spec, outcome.New(outcome.Usage, err, "")
	}
	if spec.Dir == "" {
		return spec, nil
	}
	_, err = checkContainer(spec, m.point, m.dir)
	return spec, err
}

// movedAlong reports whether the container is the one in STATE: that is so of one that
// was never named, also after STATE was moved.
func (m *writableMount) movedAlong(was string) bool {
	if was == "" {
		return true
	}
	path, isDir := strings.CutPrefix(was, "dir:")
	if !isDir || filepath.Base(path) != containerDir {
		return false
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return false
	}
	_, err := os.Lstat(filepath.Join(m.dir, containerDir))
	return err == nil
}

// isDefault reports whether a container is the one in STATE, which is made with it.
func (m *writableMount) isDefault(spec target.Spec) bool {
	return spec.Dir == filepath.Join(m.dir, containerDir)
}

// openLog sends the log to STATE as well.
func (m *writableMount) openLog() {
	m.log = load.NewLogFile(m.dir)
	m.options.logTo(m.log)
}

func (m *writableMount) openTarget(spec target.Spec, opening time.Duration) (err error) {
	a := m.options.patience.Access(m.options.concurrency, m.options.log)
	a.Opening, a.Who = opening, "mount"
	m.target, err = target.Open(spec, m.options.sources, a)
	return err
}

func (m *writableMount) newEngine() error {
	container, err := m.cacheOf(limit.Wrap(m.target.Container, m.limiter))
	if err != nil {
		return err
	}
	o := engine.Options{Concurrency: m.options.concurrency, Memory: m.options.memory, StateName: statedir.Name(m.dir), Live: true, Tree: adopt.NewTree(container, m.options.concurrency)}
	m.reader = adopt.New(m.journal, o.Tree, m.options.log)
	e, err := engine.New(m.journal, container, o, engine.Events{
		Failure: func(path string, p state.Problem) {
			m.options.log.Error("a file cannot be uploaded; it is tried again", "path", path, "op", p.Op, "reason", p.Reason)
		},
		Warning: func(path, text string) { m.options.log.Warn(text, "path", path) },
	})
	m.engine = e
	return err
}
