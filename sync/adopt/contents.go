package adopt

import (
	"bytes"
	"context"
	"errors"
	"io"

	"clfsload/clfs"
	"clfsload/sync/tree"
)

// errDiffers ends a comparison.
var errDiffers = errors.New("the contents differ")

// SameContents reports whether the file id of the container has the contents of f. Both have the
// same size. Damaged contents in the container are not the same.
func (r *Reader) SameContents(ctx context.Context, id clfs.ID, f io.ReaderAt) (bool, error) {
	n, err := r.tree.Node(ctx, id)
	if err == nil {
		err = r.tree.WriteTo(ctx, &comparer{f: f}, n, 0, n.Inode.Attr.Size)
	}
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, errDiffers), errors.Is(err, tree.ErrDamaged):
		return false, nil
	}
	return false, err
}

// IsDamage reports whether an error means that the container breaks the format, or that an object
// is missing.
func (r *Reader) IsDamage(err error) bool { return errors.Is(err, tree.ErrDamaged) }

// comparer compares written bytes with a file.
type comparer struct {
	f      io.ReaderAt
	offset int64
	buf    [64 << 10]byte
}

func (c *comparer) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		part := p[done:min(done+len(c.buf), len(p))]
		n, err := c.f.ReadAt(c.buf[:len(part)], c.offset)
		switch {
		case n < len(part) && err != io.EOF:
			return done, err
		case !bytes.Equal(part, c.buf[:n]):
			return done, errDiffers
		}
		c.offset += int64(n)
		done += n
	}
	return len(p), nil
}
