package azure

import (
	"context"
	"crypto/md5"
	"crypto/tls"
)

// SetPageSize makes listings come in smaller pages.
func (c *Container) SetPageSize(n int32) { c.pageSize = n }

// SetTLS changes whom the container trusts.
func (c *Container) SetTLS(config *tls.Config) { c.transport.TLSClientConfig = config }

// CloseIdle closes the connections that are kept. On a connection that was kept, the
// transport itself repeats a request once.
func (c *Container) CloseIdle() { c.transport.CloseIdleConnections() }

// PutWithSum sends data with a checksum that may be wrong.
func (c *Container) PutWithSum(ctx context.Context, name string, data []byte, sum [md5.Size]byte) error {
	return c.put(ctx, name, data, sum)
}

// Redact is redact.
func Redact(text string) string { return redact(text) }
