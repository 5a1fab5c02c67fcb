package statedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"clfsload/sync/outcome"
)

const BootName = "boot" // of the machine, when the last mount began

const Access = "your account must have write permission for STATE, and with --new for its parent directory"

// Explain adds a hint to an error of the system about the journal.
func Explain(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return outcome.New(outcome.State, err, Access)
	}
	return err
}

// CheckNew refuses a STATE that cannot be created.
func CheckNew(stateDir string) error {
	if _, err := os.Lstat(stateDir); err == nil {
		return outcome.New(outcome.State, fmt.Errorf("state directory %s already exists", stateDir),
			"to resume its transfer, leave out --new; for a new one, choose another STATE")
	}
	if _, err := os.Stat(filepath.Dir(stateDir)); err != nil {
		return outcome.New(outcome.State, fmt.Errorf("create state directory: %w", err), "create its parent directory")
	}
	return nil
}

// BootID identifies this boot of the machine. rebooted: the last mount was in another boot, or that
// is unknown.
func BootID(stateDir string) (boot string, rebooted bool) {
	now, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", true
	}
	before, err := os.ReadFile(filepath.Join(stateDir, BootName))
	boot = strings.TrimSpace(string(now))
	return boot, err != nil || strings.TrimSpace(string(before)) != boot
}
