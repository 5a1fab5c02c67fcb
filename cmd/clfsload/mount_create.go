package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/engine"
	"clfsload/sync/scan"
)

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
	m.openLog()
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
// is empty: a journal comes into being under another name. A file is left alone.
func makeRoomForState(dir string) error {
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
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
