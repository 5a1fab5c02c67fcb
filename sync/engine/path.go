package engine

import (
	"fmt"

	"clfsload/state"
)

// A pathFunc returns the path of an inode for a message. The path is looked up when the
// message is made: that costs the more the deeper the inode is.
type pathFunc func() string

// lazyPath names an inode by its number when its path is not known: it may have no name
// any more.
func lazyPath(ino state.Ino, find func() (string, error)) pathFunc {
	return func() string {
		path, err := find()
		if err != nil {
			return fmt.Sprintf("inode %d", ino)
		}
		return path
	}
}
