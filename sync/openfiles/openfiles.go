package openfiles

import (
	"fmt"
	"math"
	"net"

	"golang.org/x/net/netutil"
	"golang.org/x/sys/unix"

	"clfsload/sync/outcome"
)

// leastFiles is the number of files that the limit must have left.
const leastFiles = 4

// Limit is how many files this process may have open. The Go runtime raised the soft limit to the
// hard one at the start of the process.
func Limit() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(limit.Cur)
}

// Spare is the number of files in the limit beside those that are always open. With a large limit,
// more is reserved for connections to the journal and to the process's sockets.
func Spare(own int) (int, error) {
	limit := Limit()
	own += min(limit/8, 64)
	if limit-own < leastFiles {
		return 0, outcome.New(outcome.Failure, fmt.Errorf("this process may open only %d files", limit),
			"raise the limit, with 'ulimit -n 1024' or LimitNOFILE= of systemd")
	}
	return limit - own, nil
}

// LimitConnections bounds how many clients of a socket of this process are connected.
func LimitConnections(l net.Listener) net.Listener {
	return netutil.LimitListener(l, min(max(Limit()/32, 2), 16))
}
