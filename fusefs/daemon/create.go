package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/fusefs/daemon/upload"
	"clfsload/state"
	"clfsload/sync/adopt"
	"clfsload/sync/engine/bucket"
	"clfsload/sync/outcome"
	"clfsload/sync/random"
	"clfsload/sync/scan"
	"clfsload/sync/statedir"
	"clfsload/sync/target"
	"clfsload/sync/tree"
)

// create makes the journal of a new STATE and claims its container. What can be checked
// before anything is made is checked first.
func (m *mount) create(ctx context.Context) error {
	spec, err := m.spec("")
	if err != nil {
		return err
	}
	if err := m.openTarget(spec, target.OpeningFor); err != nil {
		return err
	}
	missing := true
	if !m.isDefault(spec) {
		missing, err = m.target.Fit(ctx, m.options.CreateContainer)
		if errors.Is(err, bucket.ErrNotEmpty) {
			return m.adopt(ctx, err)
		}
		if err != nil {
			return err
		}
	}
	settings, root, err := m.newSettings()
	if err != nil {
		return err
	}
	if err := makeRoomForState(m.dir, &m.undo); err != nil {
		return err
	}
	if m.journal, err = state.Create(m.dir, settings, root); err != nil {
		return statedir.Explain(err)
	}
	m.undo.Add(m.removeState)
	if missing {
		if err := m.target.Make(ctx, &m.undo); err != nil {
			return err
		}
	}
	if err := m.beginNew(ctx); err != nil {
		return err
	}
	m.openLog()
	return nil
}

// removeState removes what create has made. Nothing may write to STATE any more: the log
// would make it again.
func (m *mount) removeState(context.Context) error {
	m.closeCache()
	err := errors.Join(m.closeLog(), m.closeStaging(), m.journal.Remove())
	m.journal = nil
	return err
}

// beginNew makes the container the journal's, for the first time.
func (m *mount) beginNew(ctx context.Context) error {
	if err := m.newEngine(); err != nil {
		return err
	}
	m.undo.Add(m.engine.Abandon)
	if err := m.engine.Begin(ctx); err != nil {
		return err
	}
	if err := m.newUploader(); err != nil {
		return err
	}
	m.undo.Add(m.target.Release)
	return m.uploads.Connect(ctx)
}

func (m *mount) newUploader() error {
	ids, err := target.DrawLease(m.dir)
	if err != nil {
		return err
	}
	ids.BreakEndless = m.options.Detached
	m.uploads = upload.New(upload.Options{Engine: m.engine, Target: m.target, IDs: ids, Log: m.options.Log,
		Publish: m.publishChanges, PublishInterval: m.options.PublishInterval})
	return nil
}

// makeRoomForState makes the directories above a new STATE, and takes one away that
// is empty: a journal comes into being under another name. A file is left alone.
func makeRoomForState(dir string, u *target.Undo) error {
	var st unix.Stat_t
	err := unix.Lstat(dir, &st)
	if err == nil {
		err = unix.Rmdir(dir)
	}
	switch {
	case err == nil:
		u.Add(func(context.Context) error {
			return errors.Join(unix.Mkdir(dir, st.Mode), unix.Chown(dir, int(st.Uid), int(st.Gid)), unix.Chmod(dir, st.Mode&0o7777))
		})
	case !errors.Is(err, os.ErrNotExist):
		return outcome.New(outcome.State, fmt.Errorf("state directory %s is there and holds no journal: %w", dir, err),
			"choose another STATE")
	}
	if err := makeDirectories(filepath.Dir(dir), u); err != nil {
		return outcome.New(outcome.State, fmt.Errorf("make state directory: %w", err), statedir.Access)
	}
	return nil
}

// makeDirectories makes a directory and those above it, as far as they are missing.
func makeDirectories(dir string, u *target.Undo) error {
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := makeDirectories(filepath.Dir(dir), u); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, os.ErrExist) {
		return nil // another process has made it just now
	}
	if err == nil {
		u.Add(func(context.Context) error { return removeEmpty(dir) })
	}
	return err
}

// removeEmpty removes a directory, unless somebody has put something into it.
func removeEmpty(dir string) error {
	err := unix.Rmdir(dir)
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// newSettings are those of the journal of a new container. The root directory begins with
// mode and owner of the mount point.
func (m *mount) newSettings() (state.Settings, state.Attr, error) {
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
	settings := state.Settings{Kind: state.KindMount, Target: m.target.String(), PreserveHardlinks: true,
		Compression: m.options.Compression, DirMgrCount: clfs.DefaultDirMgrCount, RootName: object.RootName(m.point)}
	random.Draw(&settings)
	return settings, root, err
}

// adopt makes the journal of a new STATE for a container that was there before. notEmpty is the
// error if it is no CLFS container. Nothing is written to the container before it is claimed.
func (m *mount) adopt(ctx context.Context, notEmpty error) error {
	found, err := adopt.Inspect(ctx, adopt.NewTree(m.target.Container, m.options.Concurrency), m.options.Detached)
	if errors.Is(err, tree.ErrNoContainer) {
		return notEmpty
	}
	if err == nil {
		err = m.target.Probe(ctx)
	}
	if err != nil {
		return err
	}
	own, _, err := m.newSettings()
	if err != nil {
		return err
	}
	settings, err := found.Settings(own)
	if err != nil {
		return outcome.New(outcome.State, err, "")
	}
	if err := makeRoomForState(m.dir, &m.undo); err != nil {
		return err
	}
	if m.journal, err = state.Adopt(m.dir, settings, found.Adoption()); err != nil {
		return statedir.Explain(err)
	}
	m.undo.Add(m.removeState)
	if err := m.beginAdopted(ctx); err != nil {
		return err
	}
	m.openLog()
	if mark := found.Bucket.Mark; mark != nil && mark.Open != "" {
		m.options.Log.Warn("the container was left open by another STATE: what that has not published is not here", "state", mark.State, "publication", mark.Publication)
	}
	return nil
}

// beginAdopted claims the container. Another process may have published there since it was
// looked at.
func (m *mount) beginAdopted(ctx context.Context) error {
	if err := errors.Join(m.newEngine(), m.newUploader()); err != nil {
		return err
	}
	m.undo.Add(m.target.Release)
	if err := m.uploads.Connect(ctx); err != nil {
		return err
	}
	return m.engine.Begin(ctx)
}

// mostAdopted is how many entries the journal has before it drops what was only read: about 200 MB.
const mostAdopted = 1_000_000
