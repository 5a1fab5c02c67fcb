package fusefs

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// lookInterval is how often a caller that was interrupted is looked at. The kernel
// tells of the first signal only.
const lookInterval = 100 * time.Millisecond

// Await waits until ready is closed, or until ctx has ended for good. Files on a
// disk cannot be interrupted, so programs do not expect EINTR from stat or
// read, and the signals that the kernel tells of are mostly harmless: timers,
// children that ended, the scheduler of a Go program. Only a caller that is about to
// die is let go.
func Await(ctx context.Context, ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
	}
	caller, isCall := fuse.FromContext(ctx)
	if !isCall {
		return ctx.Err()
	}
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for !isDying(caller.Pid) {
		select {
		case <-ready:
			return nil
		case <-look.C:
		}
	}
	return ctx.Err()
}

// isDying reports whether a thread has SIGKILL pending, which stands for every
// signal that ends a process at once, or cannot be seen.
func isDying(thread uint32) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	if err != nil {
		return true
	}
	_, rest, found := strings.Cut(string(status), "\nSigPnd:\t")
	mask, _, _ := strings.Cut(rest, "\n")
	pending, err := strconv.ParseUint(mask, 16, 64)
	return !found || err != nil || pending&(1<<(syscall.SIGKILL-1)) != 0
}
