package statedir

import (
	"fmt"
	"log/slog"
	"os"
	"syscall"

	"clfsload/sync/outcome"
)

// STATE and a dir: container have the contents of SOURCE, so other users may read neither. New
// files are closed to them whatever the umask is; this file is about existing ones.

// Close closes a STATE to other users who may enter it.
func Close(dir string, log *slog.Logger) error {
	info, err := os.Stat(dir)
	if err != nil {
		return outcome.New(outcome.State, fmt.Errorf("open state: %w", err), Access)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != os.Geteuid() {
		log.Warn("STATE belongs to another user, who can read and change it", "state", dir, "uid", owner)
	}
	mode := info.Mode().Perm()
	if mode&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return outcome.New(outcome.State, fmt.Errorf("other users can enter state directory %s, which has mode %04o: %w", dir, mode, err),
			"make it a directory with mode 0700 that belongs to your account")
	}
	log.Warn("other users could enter STATE; its mode is now 0700", "state", dir, "mode", fmt.Sprintf("%04o", mode))
	return nil
}

// WarnOfSharing warns of a container that other users can change: each blob is closed to them, but
// not the directory, so they could add and remove blobs.
func WarnOfSharing(dir string, log *slog.Logger) {
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o022 != 0 {
		log.Warn("other users can remove and replace blobs of the container; remove the write permission of its directory",
			"container", "dir:"+dir, "mode", fmt.Sprintf("%04o", info.Mode().Perm()))
	}
}
