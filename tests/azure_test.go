package tests

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"golang.org/x/sync/errgroup"

	"clfsload/tests/azurite"
	"clfsload/tests/inventory"
)

// account lets the binary in by the environment, as a user would.
func account(server *azurite.Server) option {
	return withEnvironment("AZURE_STORAGE_CONNECTION_STRING=" + server.ConnectionString())
}

// serviceClient reaches a container without any code of clfsload.
func serviceClient(t *testing.T, server *azurite.Server, name string) *container.Client {
	t.Helper()
	key, err := container.NewSharedKeyCredential(azurite.Account, azurite.Key)
	if err != nil {
		t.Fatal(err)
	}
	options := &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}},
	}}
	client, err := container.NewClientWithSharedKeyCredential(server.ContainerURL(name), key, options)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// serviceNames lists the blobs of a container in Azurite.
func serviceNames(t *testing.T, client *container.Client) []string {
	t.Helper()
	var names []string
	for pager := client.NewListBlobsFlatPager(nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Segment.BlobItems {
			if len(item.Properties.ContentMD5) != 16 {
				t.Errorf("blob %s was stored without an MD5", *item.Name)
			}
			names = append(names, *item.Name)
		}
	}
	return names
}

// serviceBlobs downloads all of a container in Azurite.
func serviceBlobs(t *testing.T, server *azurite.Server, name string) inventory.Blobs {
	t.Helper()
	client := serviceClient(t, server, name)
	var mu sync.Mutex
	contents := map[string][]byte{}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	names := serviceNames(t, client)
	for _, name := range names {
		group.Go(func() error {
			response, err := client.NewBlobClient(name).DownloadStream(ctx, nil)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			data, err := io.ReadAll(response.Body)
			mu.Lock()
			defer mu.Unlock()
			contents[name] = data
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return inventory.Blobs{Names: names, Get: func(name string) ([]byte, error) { return contents[name], nil }}
}

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

// secretFile writes a credential where only its owner can read it.
func secretFile(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// mustKeepSecrets looks for a signature or the account's key in what was
// printed and in every file of the state.
func mustKeepSecrets(t *testing.T, res result, state string) {
	t.Helper()
	texts := map[string]string{"the output": res.stdout + res.stderr}
	files, err := filepath.Glob(filepath.Join(state, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(data)
	}
	for where, text := range texts {
		for _, secret := range []string{"sig=", "&se=", azurite.Key[:40]} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q", where, secret)
			}
		}
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
