package tests

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"clfsload/tests/azurite"
	"clfsload/tests/inventory"
)

func TestLoadIntoAzureKeepsTheGoldenTree(t *testing.T) {
	server := azurite.Start(t)
	source := goldenTree(t)
	for _, c := range []struct {
		name      string
		flags     []string
		hardLinks bool
	}{
		{"LZ4 hard links", []string{"--preserve-hardlinks"}, true},
		{"DISABLED", []string{"--compression", "DISABLED"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := listTree(t, source)
			name := server.NewContainer(t)
			arguments := append([]string{"load", "--new", filepath.Join(t.TempDir(), "state"), source, server.ContainerURL(name)}, c.flags...)
			command(t, arguments, account(server)).start().wait().mustExit(exitOK)
			scope := inventory.Full
			scope.HardLinks = c.hardLinks
			mustHold(t, before, serviceBlobs(t, server, name), scope)
		})
	}
}

// Every way to hand over credentials that docs/user-guide.md lists.
func TestEveryKindOfCredentialOpensTheContainer(t *testing.T) {
	server := azurite.Start(t)
	source := t.TempDir()
	writeFile(t, filepath.Join(source, "file"), "contents")
	before := listTree(t, source)
	name, state := "", ""
	load := func(target ...string) []string { return append([]string{"load", "--new", state, source}, target...) }
	for title, prepare := range map[string]func(t *testing.T) *run{
		"SAS in the URL": func(t *testing.T) *run {
			return command(t, load(server.ContainerURL(name)+"?"+server.SAS(t, name)))
		},
		"SAS in the environment": func(t *testing.T) *run {
			return command(t, load(server.ContainerURL(name)), withEnvironment("AZURE_STORAGE_SAS_TOKEN="+server.SAS(t, name)))
		},
		"SAS in the environment, with a question mark": func(t *testing.T) *run {
			return command(t, load(server.ContainerURL(name)), withEnvironment("AZURE_STORAGE_SAS_TOKEN=?"+server.SAS(t, name)))
		},
		"account and key in the environment": func(t *testing.T) *run {
			return command(t, load(server.ContainerURL(name)), withEnvironment("AZURE_STORAGE_ACCOUNT="+azurite.Account, "AZURE_STORAGE_KEY="+azurite.Key))
		},
		"connection string in the environment": func(t *testing.T) *run {
			return command(t, load(server.ContainerURL(name)), account(server))
		},
		"SAS in a file": func(t *testing.T) *run {
			return command(t, append(load(server.ContainerURL(name)), "--credentials-file", secretFile(t, server.SAS(t, name))))
		},
		"connection string in a file": func(t *testing.T) *run {
			return command(t, append(load(server.ContainerURL(name)), "--credentials-file", secretFile(t, server.ConnectionString())))
		},
		"as CLFSLoad took it": func(t *testing.T) *run {
			return command(t, load(azurite.Account, name, server.SAS(t, name), "--endpoint", server.Endpoint))
		},
		"as CLFSLoad took it, with a question mark": func(t *testing.T) *run {
			return command(t, load(azurite.Account, name, "?"+server.SAS(t, name), "--endpoint", server.Endpoint))
		},
		"as CLFSLoad took it, without a SAS": func(t *testing.T) *run {
			return command(t, load(azurite.Account, name, "--endpoint", server.Endpoint), account(server))
		},
	} {
		t.Run(title, func(t *testing.T) {
			name, state = server.NewContainer(t), filepath.Join(t.TempDir(), "state")
			res := prepare(t).start().wait().mustExit(exitOK)
			mustHold(t, before, serviceBlobs(t, server, name), shared)
			mustKeepSecrets(t, res, state)
		})
	}
}

func TestAzureRefusalsSayWhatToDoAndLeaveNothing(t *testing.T) {
	server := azurite.Start(t)
	source := t.TempDir()
	writeFile(t, filepath.Join(source, "file"), "contents")
	empty := server.NewContainer(t)
	taken := server.NewContainer(t)
	if _, err := serviceClient(t, server, taken).NewBlockBlobClient("somebody's").UploadBuffer(t.Context(), []byte("data"), nil); err != nil {
		t.Fatal(err)
	}
	readOnly := server.SASFor(t, empty, sas.ContainerPermissions{Read: true, List: true}, time.Now().Add(time.Hour))
	expired := server.SASFor(t, empty, sas.ContainerPermissions{Read: true, Write: true, List: true, Delete: true, Create: true}, time.Now().Add(-time.Hour))
	wrongKey := strings.Repeat("A", 86) + "=="
	for title, c := range map[string]struct {
		target string
		option option
		code   int
		says   string
	}{
		"container missing":   {server.ContainerURL(server.UnusedName()), account(server), exitNoContainer, "--create-container"},
		"container not empty": {server.ContainerURL(taken), account(server), exitNotEmpty, "empty"},
		"wrong key":           {server.ContainerURL(empty), withEnvironment("AZURE_STORAGE_ACCOUNT="+azurite.Account, "AZURE_STORAGE_KEY="+wrongKey), exitCredentials, "credentials refused"},
		"expired SAS":         {server.ContainerURL(empty) + "?" + expired, withEnvironment(), exitCredentials, "credentials refused"},
		"read-only SAS":       {server.ContainerURL(empty) + "?" + readOnly, withEnvironment(), exitPermission, "permission"},
	} {
		t.Run(title, func(t *testing.T) {
			state := filepath.Join(t.TempDir(), "state")
			res := command(t, []string{"load", "--new", state, source, c.target}, c.option).start().wait()
			res.mustExit(c.code).mustSay(c.says).mustBeOneLine()
			mustKeepSecrets(t, res, state)
			mustNotExist(t, state)
		})
	}
	if names := serviceNames(t, serviceClient(t, server, empty)); len(names) > 0 {
		t.Errorf("refused loads left %q", names)
	}
}
