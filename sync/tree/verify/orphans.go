package verify

import (
	"context"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/tree"
)

// orphans reports every blob that nothing leads to.
func (c *checker) orphans(ctx context.Context) error {
	return c.index.Each(ctx, func(e tree.Entry) error {
		if !c.reached.Has(e.Number) {
			c.orphan(e)
		}
		return nil
	})
}

// isOpen reports whether a STATE has unpublished uploads, or has not deleted all replaced blobs.
func (c *checker) isOpen() bool { return c.mark != nil && c.mark.Open != "" }

// moves is the severity of traces of a mount's publication that is in progress, or was cut off: an
// entry that moves is at two places, its inode knows one of them.
func (c *checker) moves() Severity {
	return severityIf(c.mark != nil && c.mark.Open == object.OpenMount)
}

// maySoonBeReached reports whether a STATE that is not finished with the container can have put an
// object. For a block, only its owner could show that, and the owner may be unknown.
func (c *checker) maySoonBeReached(n clfs.Name) bool {
	if n.Form == 1 || !n.Type.IsInode() || c.root.ContainerID == 0 {
		return n.Form != 1
	}
	h, err := clfs.ParseHandle(n.ID)
	return err == nil && h.ContainerID == uint32(c.root.ContainerID&containerIDMask)
}

// orphan decides the meaning of a blob that nothing leads to.
func (c *checker) orphan(e tree.Entry) {
	n, err := clfs.ParseName(e.Name)
	switch {
	case err != nil:
		c.remark(KindForeign, "", e.Name, "neither an object of a CLFS container nor a log that it names")
	case c.origin.leftBehind(n):
		c.remark(KindOrphan, "", e.Name, "nothing leads to this %s: CLFSLoad left it when it resumed the transfer; it wastes %d bytes", n.Type, e.Size)
	case c.isOpen() && c.maySoonBeReached(n):
		c.remark(KindUnpublished, "", e.Name, "nothing leads to this %s yet: STATE %s has not published all its uploads", n.Type, c.mark.State)
	case n.Form == 1:
		c.damage(KindOrphan, "", e.Name, "nothing leads to this object")
	default:
		c.damage(KindOrphan, "", e.Name, "nothing leads to this %s", n.Type)
	}
}
