package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"clfsload/clfs"
	"clfsload/fusefs/staging"
	"clfsload/fusefs/writable"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/blob/limit"
	"clfsload/sync/engine"
	"clfsload/sync/scan"
)

// writableMount is a mount that takes writes, and what it works with.
type writableMount struct {
	flags   mountFlags
	ui      *console
	point   string
	dir     string // STATE
	target  *target
	journal *state.Journal
	limiter *limit.Limiter
	engine  *engine.Engine
	staged  *staging.Store
	fs      *writable.FS
	uploads *uploader

	began time.Time
	meter meter

	publishing atomic.Int32  // publications under way or waiting for the container
	commanded  atomic.Bool   // a command unmounts
	asked      chan struct{} // has an element when it has done so
}

const (
	stagingName  = "staging"   // directory in STATE: contents of files
	containerDir = "container" // directory in STATE: the container where none is named
	pointName    = "mountpoint"
	bootName     = "boot"
	roomName     = "staging-limit"
	leastRoom    = 64 << 20 // that --staging-limit can be
)

// openWritable opens everything that a mount needs, down to the mount itself. What it
// cannot open is closed again.
func openWritable(cmd *cobra.Command, point string, f mountFlags, ui *console) (*writableMount, error) {
	m := &writableMount{flags: f, ui: ui, point: point, began: time.Now(), limiter: limit.New(int64(f.bandwidth.limit)),
		asked: make(chan struct{}, 1)}
	if err := m.open(cmd); err != nil {
		return nil, errors.Join(stopCause(cmd.Context(), err), m.close(cmd.Context()))
	}
	return m, nil
}

func (m *writableMount) open(cmd *cobra.Command) error {
	var err error
	if m.dir, err = mountState(m.flags.state, m.point); err != nil {
		return err
	}
	found, err := state.Exists(m.dir)
	if err != nil {
		return withExit(exitState, fmt.Errorf("open state: %w", err), stateAccess)
	}
	if found {
		err = m.resume(cmd)
	} else {
		err = m.create(cmd.Context())
	}
	if err != nil {
		return err
	}
	if err := m.recover(cmd.Context()); err != nil {
		return err
	}
	return replaceFile(filepath.Join(m.dir, pointName), func(w *bufio.Writer) error {
		_, err := w.WriteString(m.point)
		return err
	})
}

// mountState returns the absolute STATE of a mount.
func mountState(named, point string) (string, error) {
	if named == "" {
		return defaultState(point)
	}
	dir, err := filepath.Abs(named)
	if err != nil {
		return "", withExit(exitState, fmt.Errorf("open state: %w", err), "")
	}
	dir = evalExisting(dir)
	if within(dir, point) || within(point, dir) {
		return "", withExit(exitState, fmt.Errorf("state directory %s and mount point %s overlap", dir, point),
			"choose a STATE that is neither inside of MOUNTPOINT nor around it")
	}
	return dir, nil
}

// spec is the container that a mount is for. was is what its journal says; "" in a
// new one.
func (m *writableMount) spec(was string) (targetSpec, error) {
	text := m.flags.target
	if text == "" {
		text = was
	}
	if m.flags.target == "" && m.movedAlong(was) {
		return targetSpec{dir: filepath.Join(m.dir, containerDir)}, nil
	}
	spec, err := targetOf([]string{text})
	if err != nil {
		return spec, withExit(exitUsage, err, "")
	}
	if spec.dir == "" {
		return spec, nil
	}
	path, err := filepath.Abs(spec.dir)
	if err != nil {
		return spec, withExit(exitUsage, fmt.Errorf("open container: %w", err), "")
	}
	path = evalExisting(path)
	if within(path, m.point) || within(m.point, path) || within(m.dir, path) || within(path, filepath.Join(m.dir, stagingName)) {
		return spec, withExit(exitUsage, fmt.Errorf("container dir:%s overlaps with the mount point or with STATE %s", path, m.dir), "choose another directory")
	}
	return spec, nil
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
func (m *writableMount) isDefault(spec targetSpec) bool {
	return spec.dir == filepath.Join(m.dir, containerDir)
}

func (m *writableMount) openTarget(spec targetSpec, opening time.Duration) (err error) {
	a := m.flags.retry.access(m.flags.concurrency, m.ui.log)
	a.opening, a.who = opening, "mount"
	m.target, err = openTarget(spec, m.flags.readFlags.target, a)
	return err
}

func (m *writableMount) newEngine() error {
	o := engine.Options{Concurrency: m.flags.concurrency, Memory: int64(m.flags.memory)}
	e, err := engine.New(m.journal, limit.Wrap(m.target.Container, m.limiter), nil, o, engine.Events{
		Failure: func(path string, p state.Problem) {
			m.ui.log.Error("a file cannot be uploaded; it is tried again", "path", path, "op", p.Op, "reason", p.Reason)
		},
		Warning: func(path, text string) { m.ui.log.Warn(text, "path", path) },
	})
	m.engine = e
	return err
}

// create makes the journal of a new STATE and claims its container. When it fails,
// what it made is removed.
func (m *writableMount) create(ctx context.Context) (err error) {
	spec, err := m.spec("")
	if err != nil {
		return err
	}
	if err := m.openTarget(spec, openingFor); err != nil {
		return err
	}
	made := false
	if !m.isDefault(spec) {
		if made, err = m.target.ensure(ctx, m.flags.createContainer); err != nil {
			return err
		}
	}
	defer func() {
		if err != nil && made {
			err = errors.Join(err, m.target.discard(context.WithoutCancel(ctx)))
		}
	}()
	if !m.isDefault(spec) {
		if err := engine.CheckEmpty(ctx, m.target.Container); err != nil {
			return err
		}
	}
	settings, root, err := m.newSettings()
	if err != nil {
		return err
	}
	if err := makeRoomForState(m.dir); err != nil {
		return err
	}
	if m.journal, err = state.Create(m.dir, settings, root); err != nil {
		return stateError(err)
	}
	if err := m.beginNew(ctx, spec); err != nil {
		if m.engine != nil {
			_ = engine.Abandon(context.WithoutCancel(ctx), m.target.Container) // it could not be put, or will be put again
		}
		err = errors.Join(err, m.journal.Remove())
		m.journal = nil
		return err
	}
	return nil
}

// beginNew makes the container the journal's, for the first time.
func (m *writableMount) beginNew(ctx context.Context, spec targetSpec) error {
	if m.isDefault(spec) {
		if _, err := m.target.ensure(ctx, true); err != nil {
			return err
		}
	}
	if err := m.newEngine(); err != nil {
		return err
	}
	if err := m.engine.Begin(ctx); err != nil {
		return err
	}
	if err := m.newUploader(); err != nil {
		return err
	}
	return m.uploads.connect(ctx)
}

func (m *writableMount) newUploader() error {
	ids, err := drawLease(m.dir)
	if err != nil {
		return err
	}
	m.uploads = newUploader(m, ids)
	return nil
}

// makeRoomForState makes the directories above a new STATE, and takes one away that
// is empty: a journal comes into being under another name.
func makeRoomForState(dir string) error {
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return withExit(exitState, fmt.Errorf("state directory %s is there and holds no journal: %w", dir, err),
			"choose another STATE")
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return withExit(exitState, fmt.Errorf("make state directory: %w", err), stateAccess)
	}
	return nil
}

// newSettings draws what is random in a container. The root directory begins with
// mode and owner of the mount point.
func (m *writableMount) newSettings() (state.Settings, state.Attr, error) {
	tree, err := scan.OpenTree(m.point)
	if err != nil {
		return state.Settings{}, state.Attr{}, err
	}
	defer tree.Close()
	root, err := tree.Attr()
	if err != nil {
		return state.Settings{}, state.Attr{}, err
	}
	now := time.Now().UnixNano()
	root = state.Attr{Type: clfs.TypeDirectory, Mode: root.Mode, UID: root.UID, GID: root.GID, Mtime: now, Ctime: now, Atime: now,
		Ino: uint64(state.RootIno), Nlink: 2}
	f := loadFlags{compression: m.flags.compression, preserveHardlinks: true, dirMgrCount: clfs.DefaultDirMgrCount}
	settings, err := newSettings(f, m.point, m.target.String())
	settings.Kind, settings.Source = state.KindMount, ""
	return settings, root, err
}

// reachFor is how long the start of a mount waits for a container that it had before.
const reachFor = 5 * time.Second

// resume opens a journal that was made before. A service that cannot be reached does
// not keep the mount from serving.
func (m *writableMount) resume(cmd *cobra.Command) (err error) {
	if m.journal, err = state.Open(m.dir); err != nil {
		return stateError(err)
	}
	if err := m.compareSettings(cmd); err != nil {
		return err
	}
	spec, err := m.spec(m.journal.Settings.Target)
	if err != nil {
		return err
	}
	opening := m.flags.retry.retryFor
	if m.journal.Phase() == state.PhaseNew {
		opening = openingFor
	}
	if err := m.openTarget(spec, opening); err != nil {
		return err
	}
	if target, was := m.target.String(), m.journal.Settings.Target; m.flags.target != "" && target != was {
		return withExit(exitState, fmt.Errorf("this STATE was begun with TARGET %s, not %s", was, target), otherState)
	}
	ctx := cmd.Context()
	if m.journal.Phase() == state.PhaseNew {
		if _, err := m.target.ensure(ctx, m.flags.createContainer || m.isDefault(spec)); err != nil {
			return err
		}
		return m.beginNew(ctx, spec)
	}
	return m.reach(ctx, spec)
}

// reach claims the container, or leaves that to the background when the service does
// not answer.
func (m *writableMount) reach(ctx context.Context, spec targetSpec) error {
	soon, cancel := context.WithTimeout(ctx, reachFor)
	defer cancel()
	err := m.target.check(soon)
	if err != nil && spec.dir != "" {
		return err
	}
	if err := errors.Join(m.newEngine(), m.newUploader()); err != nil {
		return err
	}
	if err == nil {
		err = m.uploads.connect(soon)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case spec.dir != "", errors.Is(err, blob.ErrLeased), errors.Is(err, engine.ErrForeign), errors.Is(err, blob.ErrContainerMissing):
		return err
	}
	if t := m.target.narrator.failing.Load(); t != nil {
		err = errors.New(t.text)
	}
	m.uploads.failed("reach the container", err)
	return nil
}

// otherState is what to do about a flag that does not fit the journal.
const otherState = "leave it out, or mount with another STATE and an empty container"

// compareSettings refuses a command line that does not fit the journal.
func (m *writableMount) compareSettings(cmd *cobra.Command) error {
	s := m.journal.Settings
	if s.Kind != state.KindMount {
		return withExit(exitState, fmt.Errorf("state directory %s is that of a load", m.dir), "choose another STATE for the mount")
	}
	compression, err := parseCompression(m.flags.compression)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("compression") && compression != s.Compression {
		return withExit(exitState, fmt.Errorf("this STATE was begun with --compression %s, not %s",
			compressionName(s.Compression), m.flags.compression), otherState)
	}
	return nil
}

// recover puts the journal in order after a crash.
func (m *writableMount) recover(ctx context.Context) (err error) {
	if m.staged, err = staging.Open(filepath.Join(m.dir, stagingName)); err != nil {
		return stateError(err)
	}
	boot, rebooted := bootID(m.dir)
	cutOff, err := m.journal.Recover(ctx, rebooted, m.staged.Stat)
	if err != nil {
		return err
	}
	if cutOff > 0 {
		m.ui.log.Warn("files were being written when the last mount ended; they are kept and not published until they are written again, or --include-incomplete is passed", "files", cutOff)
	}
	if m.flags.includeIncomplete {
		if err := m.acceptIncomplete(ctx); err != nil {
			return err
		}
	}
	return replaceFile(filepath.Join(m.dir, bootName), func(w *bufio.Writer) error {
		_, err := w.WriteString(boot)
		return err
	})
}

// bootID identifies this start of the machine. rebooted: the last mount was in
// another one, or nobody knows.
func bootID(stateDir string) (boot string, rebooted bool) {
	now, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", true
	}
	before, err := os.ReadFile(filepath.Join(stateDir, bootName))
	boot = strings.TrimSpace(string(now))
	return boot, err != nil || strings.TrimSpace(string(before)) != boot
}
