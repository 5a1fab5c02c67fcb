package writable

import (
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
	"clfsload/state"
)

// Extended attributes of our own. They can be read and are not listed, so that
// nothing copies them. There are no others: the container cannot hold any.
const (
	xattrPrefix  = "user.clfsload."
	xattrState   = xattrPrefix + "state"   // how far a file has come
	xattrControl = xattrPrefix + "control" // of the root: the state directory
)

// GetXAttr reads an extended attribute.
func (s *FS) GetXAttr(_ <-chan struct{}, in *fuse.InHeader, name string, dest []byte) (uint32, fuse.Status) {
	if !strings.HasPrefix(name, xattrPrefix) {
		return 0, fuse.ENOTSUP
	}
	value, err := s.xattr(state.Ino(in.NodeId), name)
	if err != nil {
		return 0, s.failNode("getxattr", state.Ino(in.NodeId), err)
	}
	if len(dest) < len(value) {
		return uint32(len(value)), fuse.ERANGE
	}
	return uint32(copy(dest, value)), fuse.OK
}

func (s *FS) xattr(ino state.Ino, name string) (string, error) {
	switch {
	case name == xattrControl && ino == state.RootIno:
		return s.options.StatePath, nil
	case name == xattrState:
		n, err := s.journal.Node(s.ctx, ino)
		if err != nil {
			return "", err
		}
		if s.files.IsWritten(ino) {
			return "open", nil
		}
		return Progress(n, s.journal.Completed()), nil
	}
	return "", errNoSuchXattr
}

// Progress is how far a node has come, in a word: open, incomplete (its writer
// was cut off), dirty (changed just now), queued (to be uploaded), uploaded, or
// published (reachable from the container's root). completed is
// [state.Journal.Completed].
func Progress(n state.Node, completed uint64) string {
	published := n.PutPub != 0 && n.PutPub <= completed
	switch {
	case n.Flags&state.Opened != 0:
		return "open"
	case n.Flags&state.Incomplete != 0:
		return "incomplete"
	case n.State == state.Queued:
		return "queued"
	case n.State == state.Done && published && n.Flags&state.Renamed == 0:
		return "published"
	case n.State == state.Done, n.State == state.Sealed:
		return "uploaded"
	case n.Attr.Type == clfs.TypeDirectory && n.State == state.Held:
		return "changed"
	}
	return "dirty"
}

// ListXAttr refuses: there is nothing to list.
func (s *FS) ListXAttr(<-chan struct{}, *fuse.InHeader, []byte) (uint32, fuse.Status) {
	return 0, fuse.ENOTSUP
}

// SetXAttr refuses.
func (s *FS) SetXAttr(<-chan struct{}, *fuse.SetXAttrIn, string, []byte) fuse.Status {
	return fuse.ENOTSUP
}

// RemoveXAttr refuses.
func (s *FS) RemoveXAttr(<-chan struct{}, *fuse.InHeader, string) fuse.Status {
	return fuse.ENOTSUP
}
