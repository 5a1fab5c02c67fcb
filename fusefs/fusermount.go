package fusefs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// mayMount finds out early why no mount will work. The error wraps [ErrMountPoint].
func mayMount(allowOther bool) error {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return fmt.Errorf("%w: no /dev/fuse: load the kernel module with 'modprobe fuse', and give a container the device", ErrMountPoint)
	}
	if os.Geteuid() == 0 {
		return nil
	}
	if _, err := fusermount(); err != nil {
		return fmt.Errorf("%w: users other than root need the program fusermount3 (package fuse3) to mount", ErrMountPoint)
	}
	if err := unix.Access("/dev/fuse", unix.R_OK|unix.W_OK); err != nil {
		return fmt.Errorf("%w: /dev/fuse: %w: users other than root must be let in to it (mode 0666)", ErrMountPoint, err)
	}
	if allowOther && !mayLetOthersIn() {
		return fmt.Errorf("%w: users other than root may let others in only if %s has the line user_allow_other", ErrMountPoint, fusermountSettings)
	}
	return nil
}

// fusermountSettings is where fusermount3 is told what users may do.
const fusermountSettings = "/etc/fuse.conf"

// mayLetOthersIn reports what fusermount3 will think of allow_other.
func mayLetOthersIn() bool {
	text, err := os.ReadFile(fusermountSettings)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) // it may read what we may not
	}
	for line := range strings.Lines(string(text)) {
		setting, _, _ := strings.Cut(line, "#")
		if strings.TrimSpace(setting) == "user_allow_other" {
			return true
		}
	}
	return false
}

// fusermount is the program that mounts for ordinary users.
func fusermount() (string, error) {
	for _, name := range []string{"fusermount3", "/bin/fusermount3", "fusermount"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

// Detach takes a mount out of the directory tree even if it is in use or dead.
func Detach(point string) error {
	if os.Geteuid() == 0 {
		return unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	}
	program, err := fusermount()
	if err != nil {
		return err
	}
	if out, err := exec.Command(program, "-u", "-z", point).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
