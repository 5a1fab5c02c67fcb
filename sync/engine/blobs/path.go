package blobs

import (
	"fmt"

	"clfsload/state"
)

// A PathFunc returns the path of an inode for a message. The path is looked up when the
// message is made: that costs the more the deeper the inode is.
type PathFunc func() string

// LazyPath names an inode by its number when its path is not known: it may have no name
// any more.
func LazyPath(ino state.Ino, find func() (string, error)) PathFunc {
	return func() string {
		path, err := find()
		if err != nil {
			return fmt.Sprintf("inode %d", ino)
		}
		return path
	}
}
