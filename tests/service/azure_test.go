package service

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"clfsload/tests/azurite"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

func TestLoadIntoAzureKeepsTheGoldenTree(t *testing.T) {
	server := azurite.Start(t)
	source := trees.Golden(t)
	for _, c := range []struct {
		name      string
		flags     []string
		hardLinks bool
	}{
		{"LZ4 hard links", []string{"--preserve-hardlinks"}, true},
		{"DISABLED", []string{"--compression", "DISABLED"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := trees.List(t, source)
			name := server.NewContainer(t)
			arguments := append([]string{"load", "--new", filepath.Join(t.TempDir(), "state"), source, server.ContainerURL(name)}, c.flags...)
			harness.Command(t, arguments, remote.Account(server)).Start().Wait().MustExit(harness.ExitOK)
			scope := inventory.Full
			scope.HardLinks = c.hardLinks
			trees.MustHold(t, before, remote.ServiceBlobs(t, server, name), scope)
		})
	}
}

// Every way to hand over credentials that docs/user-guide.md lists.
func TestEveryKindOfCredentialOpensTheContainer(t *testing.T) {
	server := azurite.Start(t)
	source := t.TempDir()
	harness.WriteFile(t, filepath.Join(source, "file"), "contents")
	before := trees.List(t, source)
	name, state := "", ""
	load := func(target ...string) []string { return append([]string{"load", "--new", state, source}, target...) }
	for title, prepare := range map[string]func(t *testing.T) *harness.Run{
		"SAS in the URL": func(t *testing.T) *harness.Run {
			return harness.Command(t, load(server.ContainerURL(name)+"?"+server.SAS(t, name)))
		},
		"SAS in the environment": func(t *testing.T) *harness.Run {
			return harness.Command(t, load(server.ContainerURL(name)), harness.WithEnvironment("AZURE_STORAGE_SAS_TOKEN="+server.SAS(t, name)))
		},
		"SAS in the environment, with a question mark": func(t *testing.T) *harness.Run {
			return harness.Command(t, load(server.ContainerURL(name)), harness.WithEnvironment("AZURE_STORAGE_SAS_TOKEN=?"+server.SAS(t, name)))
		},
		"account and key in the environment": func(t *testing.T) *harness.Run {
			return harness.Command(t, load(server.ContainerURL(name)), harness.WithEnvironment("AZURE_STORAGE_ACCOUNT="+azurite.Account, "AZURE_STORAGE_KEY="+azurite.Key))
		},
		"connection string in the environment": func(t *testing.T) *harness.Run {
			return harness.Command(t, load(server.ContainerURL(name)), remote.Account(server))
		},
		"SAS in a file": func(t *testing.T) *harness.Run {
			return harness.Command(t, append(load(server.ContainerURL(name)), "--credentials-file", harness.SecretFile(t, server.SAS(t, name))))
		},
		"connection string in a file": func(t *testing.T) *harness.Run {
			return harness.Command(t, append(load(server.ContainerURL(name)), "--credentials-file", harness.SecretFile(t, server.ConnectionString())))
		},
		"as CLFSLoad took it": func(t *testing.T) *harness.Run {
			return harness.Command(t, load(azurite.Account, name, server.SAS(t, name), "--endpoint", server.Endpoint))
		},
		"as CLFSLoad took it, with a question mark": func(t *testing.T) *harness.Run {
			return harness.Command(t, load(azurite.Account, name, "?"+server.SAS(t, name), "--endpoint", server.Endpoint))
		},
		"as CLFSLoad took it, without a SAS": func(t *testing.T) *harness.Run {
			return harness.Command(t, load(azurite.Account, name, "--endpoint", server.Endpoint), remote.Account(server))
		},
	} {
		t.Run(title, func(t *testing.T) {
			name, state = server.NewContainer(t), filepath.Join(t.TempDir(), "state")
			res := prepare(t).Start().Wait().MustExit(harness.ExitOK)
			trees.MustHold(t, before, remote.ServiceBlobs(t, server, name), trees.Shared)
			remote.MustKeepSecrets(t, res, state)
		})
	}
}

func TestAzureRefusalsSayWhatToDoAndLeaveNothing(t *testing.T) {
	server := azurite.Start(t)
	source := t.TempDir()
	harness.WriteFile(t, filepath.Join(source, "file"), "contents")
	empty := server.NewContainer(t)
	taken := server.NewContainer(t)
	if _, err := remote.ServiceClient(t, server, taken).NewBlockBlobClient("somebody's").UploadBuffer(t.Context(), []byte("data"), nil); err != nil {
		t.Fatal(err)
	}
	readOnly := server.SASFor(t, empty, sas.ContainerPermissions{Read: true, List: true}, time.Now().Add(time.Hour))
	expired := server.SASFor(t, empty, sas.ContainerPermissions{Read: true, Write: true, List: true, Delete: true, Create: true}, time.Now().Add(-time.Hour))
	wrongKey := strings.Repeat("A", 86) + "=="
	for title, c := range map[string]struct {
		target string
		option harness.Option
		code   int
		says   string
	}{
		"container missing":   {server.ContainerURL(server.UnusedName()), remote.Account(server), harness.ExitNoContainer, "--create-container"},
		"container not empty": {server.ContainerURL(taken), remote.Account(server), harness.ExitNotEmpty, "empty"},
		"wrong key":           {server.ContainerURL(empty), harness.WithEnvironment("AZURE_STORAGE_ACCOUNT="+azurite.Account, "AZURE_STORAGE_KEY="+wrongKey), harness.ExitCredentials, "credentials refused"},
		"expired SAS":         {server.ContainerURL(empty) + "?" + expired, harness.WithEnvironment(), harness.ExitCredentials, "credentials refused"},
		"read-only SAS":       {server.ContainerURL(empty) + "?" + readOnly, harness.WithEnvironment(), harness.ExitPermission, "permission"},
	} {
		t.Run(title, func(t *testing.T) {
			state := filepath.Join(t.TempDir(), "state")
			res := harness.Command(t, []string{"load", "--new", state, source, c.target}, c.option).Start().Wait()
			res.MustExit(c.code).MustSay(c.says).MustBeOneLine()
			remote.MustKeepSecrets(t, res, state)
			harness.MustNotExist(t, state)
		})
	}
	if names := remote.ServiceNames(t, remote.ServiceClient(t, server, empty)); len(names) > 0 {
		t.Errorf("refused loads left %q", names)
	}
}
