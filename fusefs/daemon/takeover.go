package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"clfsload/clfs"
	"clfsload/fusefs/daemon/backing"
	"clfsload/fusefs/writable"
	"clfsload/fusefs/writable/contents"
	"clfsload/state"
	"clfsload/sync/durable"
	"clfsload/sync/engine/bucket"
	"clfsload/sync/outcome"
	"clfsload/sync/report"
)

// Names in the directory that a take-over leaves beside STATE.
const (
	keptFiles   = "files"         // contents, by their paths
	keptState   = "state"         // STATE as it was
	keptChanges = "changes.jsonl" // what was not published: a JSON object a line
)

// takeOver gives up a STATE that does not fit its container, and adopts the container anew.
// What was not published is kept beside STATE. Nothing is deleted in the container: blobs that this
// STATE has put may have been published with a newer copy of it.
func (m *mount) takeOver(ctx context.Context, cause error) error {
	if !errors.Is(cause, bucket.ErrOtherPublication) || !m.options.TakeOver {
		return cause
	}
	if m.target.String() == "dir:"+filepath.Join(m.dir, backing.ContainerDir) {
		return outcome.New(outcome.State, fmt.Errorf("%w; the container is in STATE", cause), "move the container elsewhere, and name it with --target and a new STATE")
	}
	m.options.Log.Warn("STATE does not match the container; a new STATE adopts the container", "cause", outcome.OneLine(cause))
	if err := m.recover(ctx); err != nil {
		return err
	}
	kept := m.dir + ".kept-" + time.Now().UTC().Format("20060102T150405Z")
	count, err := m.keepChanges(ctx, kept)
	if err != nil {
		return outcome.New(outcome.State, fmt.Errorf("keep what was not published: %w", err), "nothing was changed; make room beside STATE, or move STATE away and mount with a new one")
	}
	if err := m.setStateAside(ctx, filepath.Join(kept, keptState)); err != nil {
		return outcome.New(outcome.State, err, "")
	}
	if err := m.create(ctx); err != nil {
		return err
	}
	m.options.Log.Warn("the container is adopted anew; what the old STATE had not published is kept", "changes", count, "list", filepath.Join(kept, keptChanges), "directory", kept)
	return nil
}

// setStateAside closes STATE and moves it.
func (m *mount) setStateAside(ctx context.Context, to string) error {
	m.closeCache()
	err := errors.Join(m.target.Close(ctx), m.closeLog(), m.closeStaging(), m.journal.Close())
	m.journal, m.engine, m.uploads = nil, nil, nil
	if err == nil {
		err = os.Rename(m.dir, to)
	}
	if err == nil {
		err = state.SyncDir(filepath.Dir(m.dir))
	}
	if err != nil {
		return fmt.Errorf("set STATE aside: %w", err)
	}
	m.undo.Add(func(context.Context) error { return os.Rename(to, m.dir) })
	return nil
}

// keptChange is a line of the list of what was not published.
type keptChange struct {
	report.Path
	Change string `json:"change"`         // new, contents, attributes or names, directory, removed
	Type   string `json:"type"`           //
	File   string `json:"file,omitempty"` // where its contents are, below the directory
	Error  string `json:"error,omitempty"`
}

// keeper copies what was not published to a directory beside STATE.
type keeper struct {
	*mount
	files *contents.Table
	root  *os.Root
	list  *json.Encoder
	count int
}

// keepChanges makes the directory kept, and returns how many changes it lists.
func (m *mount) keepChanges(ctx context.Context, kept string) (int, error) {
	if err := os.Mkdir(kept, 0o700); err != nil {
		return 0, err
	}
	m.undo.Add(func(context.Context) error { return removeKept(kept) })
	root, err := os.OpenRoot(kept)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	k := &keeper{mount: m, root: root}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	k.files = contents.NewTable(reading, contents.Options{Journal: m.journal, Staging: m.staged, Container: m.engine,
		Log: m.options.Log, MaxFileSize: writable.LargestFile, Memory: m.options.Memory / 4})
	err = durable.Replace(filepath.Join(kept, keptChanges), func(w *bufio.Writer) error {
		k.list = json.NewEncoder(w)
		return k.all(ctx)
	})
	return k.count, errors.Join(err, state.SyncDir(kept))
}

// removeKept removes what was kept for a take-over that is refused. STATE has it.
func removeKept(kept string) error {
	return errors.Join(os.RemoveAll(filepath.Join(kept, keptFiles)), durable.Remove(filepath.Join(kept, keptChanges)), removeEmpty(kept))
}

func (k *keeper) all(ctx context.Context) error {
	const page = 500
	for after := state.Ino(0); ; {
		nodes, err := k.journal.NotPublished(ctx, after, page)
		if err != nil || len(nodes) == 0 {
			return err
		}
		for _, n := range nodes {
			if err := k.keep(ctx, n); err != nil {
				return err
			}
		}
		after = nodes[len(nodes)-1].Ino
	}
}

// keep lists a change, and copies the contents that are not published. One that cannot be read
// is listed with the reason.
func (k *keeper) keep(ctx context.Context, n state.Node) error {
	name := k.pathOf(ctx, n)
	change := keptChange{Path: report.NewPath(name), Change: k.changeOf(&n), Type: n.Attr.Type.String()}
	if change.Change == changeNew || change.Change == changeContents {
		file := k.free(path.Join(keptFiles, name), n.Ino)
		if err := k.copy(ctx, n, file); err != nil {
			if ctx.Err() != nil || isFull(err) {
				return err
			}
			_ = k.root.Remove(file) // a part of it must not pass for the whole
			change.Error = outcome.OneLine(err)
		} else if n.Attr.Type == clfs.TypeRegular || n.Attr.Type == clfs.TypeSymlink {
			change.File = file
		}
	}
	k.count++
	return k.list.Encode(change)
}

// isFull reports whether there is no room for what is kept.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, state.ErrNoSpace)
}

// What was changed of an entry.
const (
	changeNew      = "new"
	changeContents = "contents"
	changeOther    = "attributes or names"
	changeEntries  = "directory"
	changeRemoved  = "removed"
)

func (k *keeper) changeOf(n *state.Node) string {
	switch {
	case n.State == state.Removed:
		return changeRemoved
	case !k.journal.InReach(n):
		return changeNew
	case n.IsDirectory():
		return changeEntries
	case n.Attr.Type == clfs.TypeRegular && (n.ImageGen != 0 || !n.ContentsCurrent()):
		return changeContents
	}
	return changeOther
}

// free returns a name that nothing has yet: names of removed files may have been given again.
func (k *keeper) free(name string, ino state.Ino) string {
	if _, err := k.root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return name
	}
	return name + ".inode-" + strconv.FormatUint(uint64(ino), 10)
}

// copy copies a file with its attributes, or a symbolic link.
func (k *keeper) copy(ctx context.Context, n state.Node, name string) error {
	if n.Attr.Type != clfs.TypeRegular && n.Attr.Type != clfs.TypeSymlink {
		return nil
	}
	if err := k.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	if n.Attr.Type == clfs.TypeSymlink {
		return k.root.Symlink(string(n.Target), name)
	}
	f, err := k.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = k.files.CopyTo(ctx, n.Ino, f)
	if err == nil {
		err = errors.Join(f.Chmod(os.FileMode(n.Attr.Mode&0o777)), f.Sync())
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = k.root.Chtimes(name, time.Unix(0, n.Attr.Atime), time.Unix(0, n.Attr.Mtime))
	}
	return err
}
