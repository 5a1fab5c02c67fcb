package verify

import (
	"clfsload/clfs"
	"clfsload/sync/tree"
)

// containerIDMask covers the part of the containerid in a filehandle.
const containerIDMask = 0x07ffffff

// handleBytes is the length of the ids that loaders make; the service may have others, whose
// meaning is unknown.
const handleBytes = 24

// handle checks the form of an inode's id.
func (c *checker) handle(n *tree.Node, at place) error {
	if len(n.ID) != handleBytes {
		return nil
	}
	bad := func(format string, args ...any) { c.damage(KindHandle, at.path, n.Blob, format, args...) }
	h, err := clfs.ParseHandle(n.ID)
	if err != nil {
		bad("%s", err)
		return nil
	}
	c.handleFields(n, at, h, bad)
	added, err := c.db.Exec("INSERT OR IGNORE INTO sequences VALUES (?)", int64(h.Sequence))
	if err == nil && added == 0 {
		bad("another filehandle has the sequence number %d too", h.Sequence)
	}
	return err
}

func (c *checker) handleFields(n *tree.Node, at place, h clfs.Handle, bad func(string, ...any)) {
	owner := at.dir
	if back := n.Inode.BackPointers; len(back) > 0 {
		owner = back[0]
	}
	switch {
	case h.ContainerID != uint32(c.root.ContainerID&containerIDMask):
		bad("the filehandle has containerid %#x, the root %#x", h.ContainerID, c.root.ContainerID)
	case !n.IsDir() && h.DirMgrTarget != h.DirMgrSource:
		bad("directory managers %d and %d on an entry that is no directory", h.DirMgrSource, h.DirMgrTarget)
	case h.Sequence < clfs.FirstSequence || h.Random == 0 || clfs.FNV1(n.ID) == 0:
		bad("sequence number %d, random part %#x, hash %#x", h.Sequence, h.Random, clfs.FNV1(n.ID))
	case h.DirMgrSource != owner.DirMgr():
		// An entry that moves to another directory keeps its handle.
		c.remark(KindHandle, at.path, n.Blob, "directory manager %d, the directory has %d", h.DirMgrSource, owner.DirMgr())
	}
}
