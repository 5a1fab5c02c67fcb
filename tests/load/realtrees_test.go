//go:build large

package load

import (
	"context"
	"path/filepath"
	"testing"

	"clfsload/tests/azurite"
	"clfsload/tests/harness"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// What is in this file takes many minutes: `make test-large` runs it.

func TestLoadKeepsUsrShare(t *testing.T) {
	loads(t, trees.UsrShare, trees.Shared, "--preserve-hardlinks")
}

func TestLoadIntoAzureKeepsUsrShare(t *testing.T) {
	server := azurite.Start(t)
	before := trees.List(t, trees.UsrShare)
	name := server.NewContainer(t)
	arguments := []string{"load", "--new", filepath.Join(t.TempDir(), "state"), trees.UsrShare, server.ContainerURL(name), "--preserve-hardlinks"}
	harness.Command(t, arguments, remote.Account(server)).Start().Wait().MustExit(harness.ExitOK)
	trees.MustHold(t, before, remote.ServiceBlobs(t, server, name), trees.Shared)
}

func TestLoadIntoAzureKeepsTheGoToolchain(t *testing.T) {
	server := azurite.Start(t)
	source := trees.GoRoot(t)
	before := trees.List(t, source)
	name := server.UnusedName()
	t.Cleanup(func() { deleteContainer(t, server, name) })
	arguments := []string{"load", "--new", filepath.Join(t.TempDir(), "state"), source, server.ContainerURL(name), "--create-container"}
	harness.Command(t, arguments, remote.Account(server)).Start().Wait().MustExit(harness.ExitOK)
	scope := trees.Shared
	scope.HardLinks = false
	trees.MustHold(t, before, remote.ServiceBlobs(t, server, name), scope)
}

func deleteContainer(t *testing.T, server *azurite.Server, name string) {
	t.Helper()
	client := remote.ServiceClient(t, server, name)
	// The test's own context has ended when its clean-up runs.
	if _, err := client.Delete(context.Background(), nil); err != nil {
		t.Errorf("delete container %s: %v", name, err)
	}
}
