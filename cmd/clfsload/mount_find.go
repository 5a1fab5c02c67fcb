package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"golang.org/x/sys/unix"

	"clfsload/state"
	"clfsload/sync/outcome"
	"clfsload/sync/site"
	"clfsload/sync/statedir"
)

// controlAttribute is the extended attribute of the root of a mount that names its STATE.
const controlAttribute = "user.clfsload.control"

// stateOf returns the STATE for the argument MOUNTPOINT|STATE of a command. A serving mount names
// its STATE. If nothing is mounted at a mount point, or nothing answers, stateOf returns the
// default STATE and reports that to tell.
func stateOf(arg string, tell io.Writer) (string, error) {
	path, err := filepath.Abs(arg)
	if err != nil {
		return "", err
	}
	buf := make([]byte, 4096)
	n, err := unix.Getxattr(path, controlAttribute, buf)
	if err == nil {
		return string(buf[:n]), nil
	}
	if errors.Is(err, unix.EACCES) {
		return "", outcome.New(outcome.State, fmt.Errorf("%s: %w", arg, err), "run the command as the user who mounted it")
	}
	dead := errors.Is(err, unix.ENOTCONN)
	if !dead {
		if found, _ := state.Exists(path); found {
			return path, nil
		}
	}
	dir, err := statedir.OfMount(site.EvalExisting(path))
	if err != nil {
		return "", err
	}
	if found, _ := state.Exists(dir); !found {
		return "", outcome.New(outcome.State, fmt.Errorf("%s is neither a running mount nor a STATE, and STATE %s does not exist", arg, dir), "name the STATE; a read-only mount has none, and ends with umount")
	}
	what := "no mount of clfsload"
	if dead {
		what = "a mount whose process is gone"
	}
	fmt.Fprintf(tell, "clfsload: %s is %s; using STATE %s\n", arg, what, dir)
	return dir, nil
}
