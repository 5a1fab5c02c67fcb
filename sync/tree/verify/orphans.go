package verify

import (
	"context"

	"clfsload/clfs"
	"clfsload/sync/tree"
)

// orphans reports every blob that nothing led to.
func (c *checker) orphans(ctx context.Context) error {
	return c.index.Each(ctx, func(e tree.Entry) error {
		if c.reached.Has(e.Number) {
			return nil
		}
		n, err := clfs.ParseName(e.Name)
		if err != nil {
			c.remark(KindForeign, "", e.Name, "no object of a CLFS container and no log that it names")
			return nil
		}
		what := n.Type.String()
		if n.Form == 1 {
			what = "object"
		}
		if m := c.mark; m != nil && m.Open && n.Form != 1 {
			c.remark(KindUnpublished, "", e.Name, "nothing leads to this %s yet: STATE %s has not published all that it has uploaded", what, m.State)
			return nil
		}
		c.damage(KindOrphan, "", e.Name, "nothing leads to this %s", what)
		return nil
	})
}
