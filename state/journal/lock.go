package journal

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// lockFile holds an exclusive flock(2) on a file of the state directory for as
// long as it is open. The kernel lets go of it when the process dies.
type lockFile struct {
	f    *os.File
	made bool // it was not there before
}

func acquireLock(path string) (*lockFile, error) {
	_, err := os.Lstat(path)
	made := errors.Is(err, os.ErrNotExist)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w%s", path, ErrLocked, lockOwner(path))
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// The process id is for people only; failing to write it does no harm.
	if f.Truncate(0) == nil {
		fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return &lockFile{f, made}, nil
}

func lockOwner(path string) string {
	text, err := os.ReadFile(path)
	pid := strings.TrimSpace(string(text))
	if err != nil || pid == "" {
		return ""
	}
	return " (process " + pid + ")"
}

func (l *lockFile) release() error { return l.f.Close() }

// discard removes a lock file that was made for what turned out to be no journal.
func (l *lockFile) discard() error {
	if !l.made {
		return nil
	}
	return os.Remove(l.f.Name())
}
