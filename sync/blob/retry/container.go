package retry

import (
	"context"

	"clfsload/sync/blob"
)

// String returns the inner container's name.
func (c *Container) String() string { return c.inner.String() }

// Put implements blob.Container.
func (c *Container) Put(ctx context.Context, name string, data []byte) error {
	sending := blob.Begun(ctx)
	return c.Do(ctx, "put", name, func() error { return c.inner.Put(sending, name, data) })
}

// PutWhole implements blob.WholePutter.
func (c *Container) PutWhole(ctx context.Context, name string, data []byte) error {
	sending := blob.Begun(ctx)
	return c.Do(ctx, "put", name, func() error { return blob.PutWhole(sending, c.inner, name, data) })
}

// Get implements blob.Container.
func (c *Container) Get(ctx context.Context, name string, offset, length int64) (o blob.Object, err error) {
	err = c.Do(ctx, "get", name, func() (err error) {
		o, err = c.inner.Get(ctx, name, offset, length)
		return err
	})
	return o, err
}

// Delete implements blob.Container.
func (c *Container) Delete(ctx context.Context, name string) error {
	return c.Do(ctx, "delete", name, func() error { return c.inner.Delete(ctx, name) })
}

// List implements blob.Container.
func (c *Container) List(ctx context.Context, prefix, marker string) (p blob.Page, err error) {
	err = c.Do(ctx, "list", prefix, func() (err error) {
		p, err = c.inner.List(ctx, prefix, marker)
		return err
	})
	return p, err
}

// Sync implements blob.Syncer. It is not repeated; see the package's hazards.
func (c *Container) Sync(ctx context.Context) error { return blob.Sync(ctx, c.inner) }
