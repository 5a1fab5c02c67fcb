package azure

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"strings"

	sdkblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"clfsload/sync/blob"
)

// Get implements blob.Container. A connection that breaks in the middle of the data is a failed try
// like others, and so is an answer for another range.
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
		o, err = c.download(ctx, client, part{offset, length})
		if bloberror.HasCode(err, bloberror.InvalidRange) {
			o, err = infoPast(ctx, client, offset)
		}
	}
	if err != nil {
		return blob.Object{}, fmt.Errorf("get %s: %w", name, a.wrap(ctx, err))
	}
	o.Name = name
	return o, nil
}

// info requests everything except the data.
func info(ctx context.Context, client *sdkblob.Client) (blob.Object, error) {
	p, err := client.GetProperties(ctx, nil)
	if err != nil {
		return blob.Object{}, err
	}
	if p.ContentLength == nil {
		return blob.Object{}, badAnswer("the answer has no length")
	}
	return blob.Object{Info: blob.Info{Size: *p.ContentLength, MD5: p.ContentMD5}}, nil
}

// infoPast is info for a blob that seems to have nothing from offset on.
func infoPast(ctx context.Context, client *sdkblob.Client, offset int64) (blob.Object, error) {
	o, err := info(ctx, client)
	if err == nil && o.Size > max(offset, 0) {
		return o, badAnswer("the service refused to send bytes from offset %d of a blob of %d bytes", offset, o.Size)
	}
	return o, err
}

// part is the requested part of a blob; with a negative length, all from offset on.
type part struct{ offset, length int64 }

func (p part) isWhole() bool { return p.offset <= 0 && p.length < 0 }

// of is the length of the part in a blob.
func (p part) of(size int64) int64 {
	n := max(size-p.offset, 0)
	if p.length >= 0 {
		n = min(n, p.length)
	}
	return n
}

func (c *Container) download(ctx context.Context, client *sdkblob.Client, p part) (blob.Object, error) {
	options := &sdkblob.DownloadStreamOptions{}
	if !p.isWhole() {
		options.Range = sdkblob.HTTPRange{Offset: p.offset, Count: max(p.length, 0)}
	}
	answer, err := client.DownloadStream(ctx, options)
	if err != nil {
		return blob.Object{}, err
	}
	o, err := objectOf(answer, p)
	if err != nil {
		_ = answer.Body.Close()
		return blob.Object{}, err
	}
	o.Data, err = c.readBody(ctx, &answer)
	if err != nil {
		return blob.Object{}, err
	}
	return o, checkEncoding(answer, o)
}

// objectOf reads the description of the whole blob from the answer's headers. They must announce
// the requested part: memory is allocated for nothing else.
func objectOf(answer sdkblob.DownloadStreamResponse, p part) (blob.Object, error) {
	if answer.ContentLength == nil {
		return blob.Object{}, badAnswer("the answer has no length")
	}
	n := *answer.ContentLength
	o := blob.Object{Info: blob.Info{Size: n, MD5: answer.ContentMD5}}
	from := int64(0)
	if answer.ContentRange != nil {
		var last int64
		text := strings.TrimSpace(*answer.ContentRange)
		if _, err := fmt.Sscanf(text, "bytes %d-%d/%d", &from, &last, &o.Size); err != nil {
			return blob.Object{}, badAnswer("the answer lacks the blob's length: Content-Range is %q", short(text))
		}
		o.MD5 = answer.BlobContentMD5 // Content-MD5 is that of the part, if there is one
	}
	if from != max(p.offset, 0) || n != p.of(o.Size) {
		return blob.Object{}, badAnswer("the answer has %d bytes from offset %d of a blob of %d bytes, which is not the requested range", n, from, o.Size)
	}
	if n > blob.MaxWhole && p.length < 0 {
		return blob.Object{}, fmt.Errorf("%d bytes, more than the maximum of %d bytes for one read", n, blob.MaxWhole)
	}
	return o, nil
}

// readBody reads the announced body. If more than one try is allowed and the connection breaks, the
// SDK requests the rest.
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

// checkEncoding refuses bytes that a proxy has encoded. If encoded bytes match the blob's MD5, they
// are the bytes of the put.
func checkEncoding(answer sdkblob.DownloadStreamResponse, o blob.Object) error {
	isPart := int64(len(o.Data)) < o.Size
	if answer.ContentEncoding == nil || *answer.ContentEncoding == "identity" || isPart {
		return nil
	}
	if sum := md5.Sum(o.Data); o.MD5 == nil || bytes.Equal(sum[:], o.MD5) {
		return nil
	}
	return badAnswer("a proxy encoded the bytes (%q); check the proxy between here and the service", short(*answer.ContentEncoding))
}
