package openfiles

import (
	"fmt"
	"math"
	"net"

	"golang.org/x/net/netutil"
	"golang.org/x/sys/unix"

	"clfsload/sync/outcome"
)

// leastFiles is what must be left of the limit.
const leastFiles = 4

// Limit is how many files this process may have open. The language's runtime has raised the soft
// limit to the hard one when the process began.
func Limit() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(limit.Cur)
}

// Spare is what the limit leaves beside what is always open. Connections to the journal and to
// the own sockets are more where the limit is large.
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
