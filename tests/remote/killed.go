package remote

import (
	"os"
	"testing"

	"clfsload/tests/harness"
)

// Killed is a load that is killed now and then.
type Killed struct {
	T         *testing.T
	Container *Metered
	State     string
	Source    string
	Flags     []string
}

// Start begins the load, or goes on with it.
func (k Killed) Start() *harness.Run {
	k.T.Helper()
	flags := k.Flags
	if _, err := os.Stat(k.State); err != nil {
		flags = append([]string{"--new"}, flags...)
	}
	return harness.Command(k.T, k.Container.Into(k.State, k.Source, flags...)).Start()
}

// Run starts the load and kills it when the moment comes. It returns what the
// process put.
func (k Killed) Run(blobs int, stored bool) (puts []Put, killed bool) {
	k.T.Helper()
	r := k.Start()
	k.Container.Await(Moment{Blobs: blobs, Stored: stored, Act: r.Kill})
	res := r.Wait()
	if res.Code != -1 {
		res.MustExit(harness.ExitOK)
	}
	return k.Container.Taken(), res.Code == -1
}
