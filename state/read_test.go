package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/needs"
)

// fillDisk leaves no room for what a journal on a small file system has acknowledged.
func fillDisk(t *testing.T, disk string) {
	t.Helper()
	redo := filepath.Join(disk, "state", redoName)
	data, err := os.ReadFile(redo)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(redo, int64(len(bytes.TrimRight(data, "\x00"))+64)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(disk, "rest"), make([]byte, 16<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
}

func TestAFullDiskDoesNotMakeAQuestionFail(t *testing.T) {
	needs.Root(t)
	disk := t.TempDir()
	if err := unix.Mount("none", disk, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	j := newPatientMountAt(t, filepath.Join(disk, "state"))
	var f Node
	const files = 200
	for i := range files {
		f = addNode(t, j, RootIno, fmt.Sprint(i), regular)
	}
	if err := j.QueueBlock(t.Context(), f.Ino, 1); err != nil {
		t.Fatal(err)
	}
	fillDisk(t, disk)
	if err := j.SetUploadFailure(t.Context(), f.Ino, "broken", 1); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("a commit on a full disk ends with %v", err)
	}
	ctx := t.Context()
	for what, ask := range map[string]func() (int, error){
		"Node":           func() (int, error) { _, err := j.Node(ctx, f.Ino); return 1, err },
		"Lookup":         func() (int, error) { _, err := j.Lookup(ctx, RootIno, f.Name); return 1, err },
		"BlocksOf":       func() (int, error) { list, err := j.BlocksOf(ctx, f.Ino); return len(list), err },
		"IsBlockQueued":  func() (int, error) { _, err := j.IsBlockQueued(ctx, f.Ino, 1); return 1, err },
		"Path":           func() (int, error) { _, err := j.Path(ctx, f.Inode); return 1, err },
		"Tidy":           func() (int, error) { _, err := j.Tidy(ctx); return 1, err },
		"Leftovers":      func() (int, error) { _, err := j.Leftovers(ctx); return 1, err },
		"UploadFailures": func() (int, error) { _, err := j.UploadFailures(ctx, 1000); return 1, err },
		"Image":          func() (int, error) { _, err := j.Image(ctx, f.Ino); return 1, err },
		"QueuedBlocks":   func() (int, error) { list, err := j.QueuedBlocks(ctx, 0, 0, 1000); return len(list), err },
		"FreeGarbage":    func() (int, error) { _, err := j.FreeGarbage(ctx, 1000); return 1, err },
		"RemovedNodes":   func() (int, error) { _, err := j.RemovedNodes(ctx, 0, 1000); return 1, err },
	} {
		if n, err := ask(); err != nil || n != 1 {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
	for what, list := range map[string]func(context.Context, Ino, int) ([]Node, error){"Unsettled": j.Unsettled,
		"Waiting": func(ctx context.Context, _ Ino, n int) ([]Node, error) { return j.Waiting(ctx, false, n) }} {
		if list, err := list(ctx, 0, 1000); err != nil || len(list) != files {
			t.Errorf("%s: %d nodes, %v", what, len(list), err)
		}
	}
	if list, err := j.List(ctx, RootIno, 0, 1000); err != nil || len(list) != files {
		t.Errorf("List: %d entries, %v", len(list), err)
	}
	if err := os.Remove(filepath.Join(disk, "rest")); err != nil {
		t.Fatal(err)
	}
	if err := j.Sync(ctx); err != nil || !isCommitted(t, j) {
		t.Errorf("with room on the disk again: %v", err)
	}
}
