package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"clfsload/sync/blob"
	"clfsload/sync/blob/azure"
)

// azurePlace is a container of the Blob service.
type azurePlace struct{ c *azure.Container }

func openAzureTarget(spec targetSpec, f targetFlags, connections int) (*target, error) {
	u, err := azureURL(spec, f)
	if err != nil {
		return nil, withExit(exitUsage, err, "")
	}
	secrets := azure.Secrets{SAS: spec.sas, File: f.credentialsFile, Environment: environmentSecrets()}
	credentials, err := secrets.Credentials(u)
	if err != nil {
		return nil, fmt.Errorf("open container %s: %w", u, err)
	}
	c, err := azure.Open(azure.Config{URL: u, Credentials: credentials, Connections: connections})
	if err != nil {
		return nil, err
	}
	return &target{Container: c, place: azurePlace{c}}, nil
}

// environmentSecrets reads the variables that Azure's tools share.
func environmentSecrets() azure.Environment {
	return azure.Environment{
		Account:          os.Getenv("AZURE_STORAGE_ACCOUNT"),
		Key:              os.Getenv("AZURE_STORAGE_KEY"),
		SAS:              os.Getenv("AZURE_STORAGE_SAS_TOKEN"),
		ConnectionString: os.Getenv("AZURE_STORAGE_CONNECTION_STRING"),
	}
}

func azureURL(spec targetSpec, f targetFlags) (azure.URL, error) {
	if spec.url != "" {
		return azure.ParseURL(spec.url)
	}
	endpoint := strings.TrimRight(f.endpoint, "/")
	if endpoint == "" {
		endpoint = azure.ServiceOf(os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), spec.account)
	}
	if endpoint == "" {
		return azure.NewURL(spec.account, spec.container)
	}
	return azure.ParseURL(endpoint + "/" + spec.container)
}

func (p azurePlace) byItself() bool { return false }

func (p azurePlace) check(ctx context.Context) error {
	found, err := p.c.Exists(ctx)
	if err == nil && !found {
		err = fmt.Errorf("%s: %w", p.c, blob.ErrContainerMissing)
	}
	return err
}

func (p azurePlace) create(ctx context.Context) error { return p.c.Create(ctx) }

// discard leaves the container: it is empty, and the next try finds it as asked for.
func (p azurePlace) discard(context.Context) error { return nil }
