package target

import (
	"context"
	"fmt"
	"strings"

	"clfsload/sync/blob"
	"clfsload/sync/blob/azure"
	"clfsload/sync/outcome"
)

// azurePlace is a container of the Blob service.
type azurePlace struct {
	c *azure.Container
	t *Target
}

func openAzureTarget(spec Spec, f Sources, a access) (*Target, error) {
	sources := credentialSources{spec, f}
	secrets, err := sources.read()
	if err != nil {
		return nil, outcome.New(outcome.Credentials, err, "check --credentials-env-file")
	}
	u, err := azureURL(spec, f, secrets.Environment)
	if err != nil {
		return nil, outcome.New(outcome.Usage, err, "")
	}
	credentials, err := secrets.Credentials(u)
	if err != nil {
		return nil, noCredentials(u, f, err)
	}
	c, err := azure.Open(azure.Config{URL: u, Credentials: credentials, Connections: a.requests,
		Retry: azure.Retry{Tries: 1, Stall: a.flags.RequestTimeout}})
	if err != nil {
		return nil, err
	}
	t := newTarget(a)
	t.narrator.source = sources.String()
	r := &renewal{sources: sources, url: u, c: c, log: t.narrator.log, used: credentials}
	t.use(c, r.refresh)
	t.place = azurePlace{c, t}
	return t, nil
}

func azureURL(spec Spec, f Sources, env azure.Environment) (azure.URL, error) {
	if spec.url != "" {
		return azure.ParseURL(spec.url)
	}
	endpoint := strings.TrimRight(f.Endpoint, "/")
	if endpoint == "" {
		endpoint = azure.ServiceOf(env.ConnectionString, spec.account)
	}
	if endpoint == "" {
		return azure.NewURL(spec.account, spec.container)
	}
	return azure.ParseURL(endpoint + "/" + spec.container)
}

func (p azurePlace) byItself() bool { return false }

func (p azurePlace) Check(ctx context.Context) error {
	return p.t.retry.Do(ctx, "open", p.c.String(), func() error {
		found, err := p.c.Exists(ctx)
		if err == nil && !found {
			err = fmt.Errorf("%s: %w", p.c, blob.ErrContainerMissing)
		}
		return err
	})
}

func (p azurePlace) create(ctx context.Context) error {
	return p.t.retry.Do(ctx, "create", p.c.String(), func() error { return p.c.Create(ctx) })
}

// discard leaves the container: for a minute, the service would refuse to create a container of
// that name again, and another program may have begun to use it.
func (p azurePlace) discard(context.Context) error {
	return fmt.Errorf("%s was created and remains, empty", p.c)
}

// noCredentials is the error for credentials that the service has not refused: they cannot be read,
// or there are none.
func noCredentials(u azure.URL, f Sources, err error) error {
	text := strings.TrimPrefix(err.Error(), blob.ErrCredentials.Error()+": ")
	hint := "pass --credentials-file, or set the environment's AZURE_STORAGE_ variables"
	if f.CredentialsFile != "" {
		hint = "check the file of --credentials-file, and the environment's AZURE_STORAGE_ variables"
	}
	return outcome.New(outcome.Credentials, fmt.Errorf("open container %s: no credentials: %s", u, text), hint)
}
