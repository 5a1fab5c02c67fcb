package azure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	sdkblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"clfsload/sync/blob"
)

// Get implements blob.Container. A connection that breaks in the middle of the data
// is a failed try like others.
func (c *Container) Get(ctx context.Context, name string, offset, length int64) (blob.Object, error) {
	if err := blob.CheckName(name); err != nil {
		return blob.Object{}, fmt.Errorf("get %s: %w", name, err)
	}
	a := c.access.Load()
	client := a.client.NewBlobClient(name)
	var o blob.Object
	var err error
	if length == 0 {
		o, err = info(ctx, client)
	} else {
		o, err = c.download(ctx, client, offset, length)
		if bloberror.HasCode(err, bloberror.InvalidRange) {
			o, err = info(ctx, client)
		}
	}
	if err != nil {
		return blob.Object{}, fmt.Errorf("get %s: %w", name, a.wrap(ctx, err))
	}
	o.Name = name
	return o, nil
}

// info asks for everything but the data.
func info(ctx context.Context, client *sdkblob.Client) (blob.Object, error) {
	p, err := client.GetProperties(ctx, nil)
	if err != nil {
		return blob.Object{}, err
	}
	if p.ContentLength == nil {
		return blob.Object{}, errors.New("the answer has no length")
	}
	return blob.Object{Info: blob.Info{Size: *p.ContentLength, MD5: p.ContentMD5}}, nil
}

func (c *Container) download(ctx context.Context, client *sdkblob.Client, offset, length int64) (blob.Object, error) {
	options := &sdkblob.DownloadStreamOptions{}
	if offset > 0 || length > 0 {
		options.Range = sdkblob.HTTPRange{Offset: offset, Count: max(length, 0)}
	}
	answer, err := client.DownloadStream(ctx, options)
	if err != nil {
		return blob.Object{}, err
	}
	o, err := objectOf(answer)
	if err != nil {
		_ = answer.Body.Close()
		return blob.Object{}, err
	}
	data, err := c.readBody(ctx, &answer)
	o.Data = data
	return o, err
}

// objectOf reads what the answer's headers tell of the whole blob.
func objectOf(answer sdkblob.DownloadStreamResponse) (blob.Object, error) {
	if answer.ContentLength == nil {
		return blob.Object{}, errors.New("the answer has no length")
	}
	o := blob.Object{Info: blob.Info{Size: *answer.ContentLength, MD5: answer.ContentMD5}}
	if answer.ContentRange == nil {
		return o, nil
	}
	o.MD5 = answer.BlobContentMD5 // Content-MD5 is that of the part, if there is one
	_, total, _ := strings.Cut(*answer.ContentRange, "/")
	size, err := strconv.ParseInt(total, 10, 64)
	if err != nil {
		return blob.Object{}, errors.New("the answer does not tell the blob's length")
	}
	o.Size = size
	return o, nil
}

// readBody reads what the answer announced. With more than one try allowed, the SDK
// asks for the rest when the connection breaks.
func (c *Container) readBody(ctx context.Context, answer *sdkblob.DownloadStreamResponse) ([]byte, error) {
	var body io.ReadCloser = answer.Body
	if c.retry.Tries > 1 {
		body = answer.NewRetryReader(ctx, &sdkblob.RetryReaderOptions{MaxRetries: int32(c.retry.Tries - 1)})
	}
	defer body.Close()
	data := make([]byte, *answer.ContentLength)
	if _, err := io.ReadFull(body, data); err != nil {
		return nil, connectionError{fmt.Errorf("read the answer: %w", err)}
	}
	return data, nil
}
