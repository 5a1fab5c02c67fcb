package azure

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	sdkblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sync/semaphore"

	"clfsload/sync/blob"
)

// Config names the container and the settings of its use.
type Config struct {
	URL         URL
	Credentials Credentials // see Secrets.Credentials
	Connections int         // idle connections that are kept; 0: 256
	Retry       Retry
}

// Retry has the settings for retries after ErrThrottled or ErrTransient. Zero values stand for the
// defaults.
type Retry struct {
	Tries    int           // in all; 0: 5
	Delay    time.Duration // before the second, then doubled each time, with jitter; 0: 0.5 s
	MaxDelay time.Duration // 0: 30 s; if a service requests more, the tries end

	// Stall ends a try in which no byte was sent or received for this time; 0: 60 s. A slow
	// transfer that makes progress has no limit.
	Stall time.Duration
}

// Container is a container of the blob service. See Open.
type Container struct {
	url       URL
	transport *http.Transport
	retry     Retry
	pageSize  int32 // of listings
	access    atomic.Pointer[access]
	listings  *semaphore.Weighted // see pagesAtATime
	leases    sync.Map            // ids of the leases that are held, by the blob's name
}

// access is a client together with the credentials that it uses.
type access struct {
	client *container.Client
	sas    string
}

var _ blob.Container = (*Container)(nil)

const defaultConnections = 256

// Open returns the container that c names. It sends no request, and fails only for malformed
// credentials.
func Open(c Config) (*Container, error) {
	if c.Connections == 0 {
		c.Connections = defaultConnections
	}
	a := &Container{url: c.URL, transport: newTransport(c.Connections), retry: c.Retry.withDefaults(), pageSize: blob.MaxPage,
		listings: semaphore.NewWeighted(pagesAtATime)}
	if err := a.SetCredentials(c.Credentials); err != nil {
		return nil, err
	}
	return a, nil
}

func (r Retry) withDefaults() Retry {
	if r.Tries == 0 {
		r.Tries = 5
	}
	if r.Delay == 0 {
		r.Delay = 500 * time.Millisecond
	}
	if r.MaxDelay == 0 {
		r.MaxDelay = 30 * time.Second
	}
	if r.Stall == 0 {
		r.Stall = time.Minute
	}
	return r
}

// options returns the SDK's form of r.
func (r Retry) options() policy.RetryOptions {
	retries := int32(r.Tries - 1)
	if retries == 0 {
		retries = -1 // 0 stands for the SDK's default
	}
	return policy.RetryOptions{MaxRetries: retries, RetryDelay: r.Delay, MaxRetryDelay: r.MaxDelay}
}

// SetCredentials uses other credentials for all requests that begin after it.
func (c *Container) SetCredentials(cred Credentials) error {
	return c.use(c.transport, cred)
}

func (c *Container) use(transport http.RoundTripper, cred Credentials) error {
	options := &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport:       sender{transport: transport, sas: cred.sas, stall: c.retry.Stall},
		Retry:           c.retry.options(),
		PerCallPolicies: []policy.Policy{setVersion{}},
		Telemetry:       policy.TelemetryOptions{Disabled: true},
	}}
	// The header would make a throttled request cost a connection: the service
	// closes one whose announced body it has not taken.
	options.ExpectContinueBehavior.Mode = sdkblob.ExpectContinueModeOff
	client, err := newClient(c.url, cred, options)
	if err != nil {
		return fmt.Errorf("open %s: %w: %s", c, blob.ErrCredentials, oneLine(redact(err.Error())))
	}
	c.access.Store(&access{client, cred.sas})
	return nil
}

func newClient(u URL, cred Credentials, options *container.ClientOptions) (*container.Client, error) {
	switch {
	case cred.sas != "":
		return container.NewClientWithNoCredential(u.String(), options)
	case cred.key != "":
		key, err := container.NewSharedKeyCredential(cred.account, cred.key)
		if err != nil {
			return nil, err
		}
		return container.NewClientWithSharedKeyCredential(u.String(), key, options)
	case cred.token != nil:
		return container.NewClient(u.String(), cred.token, options)
	}
	return nil, errors.New("no credentials")
}

// String returns the container's URL without a SAS.
func (c *Container) String() string { return c.url.String() }

// Create creates the container. An existing container is not an error. Credentials for only one
// container cannot create it.
func (c *Container) Create(ctx context.Context) error {
	a := c.access.Load()
	_, err := a.client.Create(ctx, nil)
	if err != nil && !bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		return fmt.Errorf("create container %s: %w", c, a.wrap(ctx, err))
	}
	return nil
}

// Exists reports whether the container exists, by requesting a list of one blob: a SAS for the
// container allows that, but not to read the container's properties.
func (c *Container) Exists(ctx context.Context) (bool, error) {
	_, err := c.list(ctx, "", "", 1)
	if errors.Is(err, blob.ErrContainerMissing) {
		return false, nil
	}
	return err == nil, err
}

// Delete implements blob.Container. Snapshots of the blob go with it.
func (c *Container) Delete(ctx context.Context, name string) error {
	if err := blob.CheckName(name); err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	a := c.access.Load()
	_, err := a.client.NewBlobClient(name).Delete(ctx, &sdkblob.DeleteOptions{
		DeleteSnapshots:  to.Ptr(sdkblob.DeleteSnapshotsOptionTypeInclude),
		AccessConditions: c.condition(name),
	})
	if err == nil {
		return nil
	}
	if err := a.wrap(ctx, err); !errors.Is(err, blob.ErrNotFound) {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}

// Put implements blob.Container.
func (c *Container) Put(ctx context.Context, name string, data []byte) error {
	return c.put(ctx, name, data, md5.Sum(data))
}

// put sends data with a given checksum.
func (c *Container) put(ctx context.Context, name string, data []byte, sum [md5.Size]byte) error {
	if err := blob.CheckName(name); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	u, reqCtx := newUpload(ctx, data)
	a := c.access.Load()
	err := u.send(reqCtx, a.client, name, sum[:], c.condition(name))
	u.wait()
	if err != nil {
		return fmt.Errorf("put %s: %w", name, a.wrap(ctx, err))
	}
	return nil
}
