package contents

import (
	"context"

	"clfsload/state/schema"
	"clfsload/state/store"
)

// Change sets what is not nil. Times are nanoseconds since 1970.
type Change struct {
	Mode, UID, GID *uint32
	Mtime, Atime   *int64
	Ctime          int64
}

// SetAttr changes attributes. Errors: ErrNoEntry.
func (j Files) SetAttr(ctx context.Context, ino schema.Ino, c Change) (schema.Node, error) {
	return j.Change(ctx, ino, "set attributes of", func(t *store.Tx, n *schema.Node) error {
		a := &n.Attr
		for _, v := range []struct{ to, from *uint32 }{{&a.Mode, c.Mode}, {&a.UID, c.UID}, {&a.GID, c.GID}} {
			if v.from != nil {
				*v.to = *v.from
			}
		}
		if c.Mtime != nil {
			a.Mtime = *c.Mtime
		}
		if c.Atime != nil {
			a.Atime = *c.Atime
		}
		a.Ctime = c.Ctime
		t.Touch(n)
		return nil
	})
}
