package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/dustin/go-humanize"

	"clfsload/cmd/clfsload/terminal"
	"clfsload/sync/tree/export"
)

// printLeft reports attributes that the exporting user could not restore.
func printLeft(ui *terminal.Console, l export.Left) {
	var parts []string
	for _, part := range []struct {
		count int64
		what  string
	}{{l.Owners, "the owner of %s entries"}, {l.Groups, "the group of %s entries"}, {l.SetIDs, "set-id bits of %s entries"},
		{l.Foreign, "the attributes of %s directories of other users"}} {
		if part.count > 0 {
			parts = append(parts, fmt.Sprintf(part.what, humanize.Comma(part.count)))
		}
	}
	if len(parts) > 0 {
		fmt.Fprintf(ui.Out, "not restored, because it takes root: %s\n", strings.Join(parts, ", "))
	}
}

// createReport opens the report file, which contains names that SOURCE may protect. A file that
// another user can exchange, or that has other names, is refused. So nobody can redirect the report
// to another file.
func createReport(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if !errors.Is(err, os.ErrExist) {
		return f, err
	}
	follow := 0
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	isLink := info.Mode()&os.ModeSymlink != 0
	if !isLink || !isTrusted(info) {
		follow = syscall.O_NOFOLLOW
	}
	// A fifo without a reader must not block.
	if f, err = os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK|follow, 0); err != nil {
		return nil, err
	}
	if err := emptyReport(f, follow == 0); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func emptyReport(f *os.File, trusted bool) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !trusted && (!isTrusted(info) || info.Mode().IsRegular() && info.Sys().(*syscall.Stat_t).Nlink != 1) {
		return fmt.Errorf("%s belongs to another user or has several names: choose another file", f.Name())
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	return f.Truncate(0)
}

// isTrusted reports whether a file belongs to the user or to root.
func isTrusted(info os.FileInfo) bool {
	uid := info.Sys().(*syscall.Stat_t).Uid
	return uid == 0 || uid == uint32(os.Geteuid())
}
