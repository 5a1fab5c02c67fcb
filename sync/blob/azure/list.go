package azure

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sync/semaphore"

	"clfsload/sync/blob"
)

// List implements blob.Container. Pages are those of the service, and so are the
// markers.
func (c *Container) List(ctx context.Context, prefix, marker string) (blob.Page, error) {
	return c.list(ctx, prefix, marker, c.pageSize)
}

func (c *Container) list(ctx context.Context, prefix, marker string, limit int32) (blob.Page, error) {
	options := &container.ListBlobsFlatOptions{MaxResults: &limit}
	if prefix != "" {
		options.Prefix = &prefix
	}
	if marker != "" {
		options.Marker = &marker
	}
	a := c.access.Load()
	turn := &listingTurn{turns: c.listings}
	defer turn.end()
	var raw *http.Response
	reqCtx := context.WithValue(policy.WithCaptureResponse(ctx, &raw), listingKey{}, turn)
	answer, err := a.client.NewListBlobsFlatPager(options).NextPage(reqCtx)
	if err != nil {
		if !errors.As(err, new(*azcore.ResponseError)) && raw != nil {
			err = badAnswer("the answer is not a list of blobs: %w", err)
		}
		return blob.Page{}, fmt.Errorf("list %s: %w", listed(prefix, c), listKind(a.wrap(ctx, err)))
	}
	page, err := pageOf(answer, prefix)
	if err != nil {
		return blob.Page{}, fmt.Errorf("list %s: %w: %w", listed(prefix, c), blob.ErrTransient, err)
	}
	return page, nil
}

// pagesAtATime is how many pages of listings are read and decoded at a time. A page may take some
// 60 MB, if the answer is not from the service; usual ones take 15 MB.
const pagesAtATime = 8

// listingTurn is one such slot. It begins with the answer, so that a slow service does not block
// others.
type listingTurn struct {
	turns *semaphore.Weighted
	begun bool
}

type listingKey struct{}

func (t *listingTurn) begin(ctx context.Context) error {
	if t.begun {
		return nil
	}
	err := t.turns.Acquire(ctx, 1)
	t.begun = err == nil
	return err
}

func (t *listingTurn) end() {
	if t.begun {
		t.turns.Release(1)
	}
}

// listed says what is listed.
func listed(prefix string, c *Container) string {
	if prefix == "" {
		return c.String()
	}
	return fmt.Sprintf("%q in %s", prefix, c)
}

// listKind is for services whose "not found" does not name the missing thing.
func listKind(err error) error {
	if errors.Is(err, blob.ErrNotFound) {
		return fmt.Errorf("%w: %v", blob.ErrContainerMissing, err)
	}
	return err
}

// maxListedSize is more than the maximum size of a blob, in bytes.
const maxListedSize = 1 << 50

// pageOf returns the blobs of a page. An error means that it is not an answer to the request.
func pageOf(answer container.ListBlobsFlatResponse, prefix string) (blob.Page, error) {
	var page blob.Page
	if answer.Segment == nil {
		return page, errors.New("the answer is not a list of blobs")
	}
	page.Blobs = make([]blob.Info, 0, len(answer.Segment.BlobItems))
	for _, item := range answer.Segment.BlobItems {
		if item == nil || item.Name == nil || item.Properties == nil || item.Properties.ContentLength == nil {
			return page, errors.New("the answer has a blob without name or length")
		}
		if item.Snapshot != nil || item.Deleted != nil && *item.Deleted {
			continue // nobody has asked for those
		}
		p := item.Properties
		switch size := *p.ContentLength; {
		case size < 0 || size > maxListedSize:
			return page, fmt.Errorf("the answer has a blob of %d bytes", size)
		case !strings.HasPrefix(*item.Name, prefix):
			return page, fmt.Errorf("the answer has the blob %q", short(*item.Name))
		}
		b := blob.Info{Name: *item.Name, Size: *p.ContentLength}
		if len(p.ContentMD5) == md5.Size {
			b.MD5 = p.ContentMD5
		}
		page.Blobs = append(page.Blobs, b)
	}
	if len(page.Blobs) > blob.MaxPage {
		return page, fmt.Errorf("the answer has %d blobs", len(page.Blobs))
	}
	if answer.NextMarker != nil {
		page.Next = *answer.NextMarker
	}
	return page, nil
}
