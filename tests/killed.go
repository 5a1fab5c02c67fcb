package tests

import (
	"os"
	"testing"
)

// killedLoad is a load that is killed now and then.
type killedLoad struct {
	t         *testing.T
	container *meteredContainer
	state     string
	source    string
	flags     []string
}

// start begins the load, or goes on with it.
func (k killedLoad) start() *run {
	k.t.Helper()
	flags := k.flags
	if _, err := os.Stat(k.state); err != nil {
		flags = append([]string{"--new"}, flags...)
	}
	return command(k.t, k.container.into(k.state, k.source, flags...)).start()
}

// run starts the load and kills it when the moment comes. It returns what the
// process put.
func (k killedLoad) run(blobs int, stored bool) (puts []metered, killed bool) {
	k.t.Helper()
	r := k.start()
	k.container.await(moment{blobs: blobs, stored: stored, act: r.kill})
	res := r.wait()
	if res.code != -1 {
		res.mustExit(exitOK)
	}
	return k.container.taken(), res.code == -1
}
