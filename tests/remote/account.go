package remote

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sync/errgroup"

	"clfsload/tests/azurite"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
)

// Account lets the binary in by the environment, as a user would.
func Account(server *azurite.Server) harness.Option {
	return harness.WithEnvironment("AZURE_STORAGE_CONNECTION_STRING=" + server.ConnectionString())
}

// ServiceClient reaches a container without any code of clfsload.
func ServiceClient(t *testing.T, server *azurite.Server, name string) *container.Client {
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

// ServiceNames lists the blobs of a container in Azurite.
func ServiceNames(t *testing.T, client *container.Client) []string {
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

// ServiceBlobs downloads all of a container in Azurite.
func ServiceBlobs(t *testing.T, server *azurite.Server, name string) inventory.Blobs {
	t.Helper()
	client := ServiceClient(t, server, name)
	var mu sync.Mutex
	contents := map[string][]byte{}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	names := ServiceNames(t, client)
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

// MustKeepSecrets looks for a signature or the account's key in what was
// printed and in every file of the state.
func MustKeepSecrets(t *testing.T, res harness.Result, state string) {
	t.Helper()
	texts := map[string]string{"the output": res.Stdout + res.Stderr}
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
