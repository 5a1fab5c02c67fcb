//go:build large

package tests

import (
	"context"
	"path/filepath"
	"testing"

	"clfsload/tests/azurite"
)

// What is in this file takes many minutes: `make test-large` runs it.

func TestLoadKeepsUsrShare(t *testing.T) {
	loads(t, usrShare, shared, "--preserve-hardlinks")
}

func TestLoadIntoAzureKeepsUsrShare(t *testing.T) {
	server := azurite.Start(t)
	before := listTree(t, usrShare)
	name := server.NewContainer(t)
	arguments := []string{"load", "--new", filepath.Join(t.TempDir(), "state"), usrShare, server.ContainerURL(name), "--preserve-hardlinks"}
	command(t, arguments, account(server)).start().wait().mustExit(exitOK)
	mustHold(t, before, serviceBlobs(t, server, name), shared)
}

func TestLoadIntoAzureKeepsTheGoToolchain(t *testing.T) {
	server := azurite.Start(t)
	source := goroot(t)
	before := listTree(t, source)
	name := server.UnusedName()
	t.Cleanup(func() { deleteContainer(t, server, name) })
	arguments := []string{"load", "--new", filepath.Join(t.TempDir(), "state"), source, server.ContainerURL(name), "--create-container"}
	command(t, arguments, account(server)).start().wait().mustExit(exitOK)
	scope := shared
	scope.HardLinks = false
	mustHold(t, before, serviceBlobs(t, server, name), scope)
}

func deleteContainer(t *testing.T, server *azurite.Server, name string) {
	t.Helper()
	client := serviceClient(t, server, name)
	// The test's own context has ended when its clean-up runs.
	if _, err := client.Delete(context.Background(), nil); err != nil {
		t.Errorf("delete container %s: %v", name, err)
	}
}
