package adopt

import (
	"clfsload/sync/blob"
	"clfsload/sync/tree"
)

// treeMemory is what segments of other programs take at a time while they are read.
const treeMemory = 64 << 20

// NewTree returns a reader of the container as other programs have made it.
func NewTree(c blob.Container, requests int) *tree.Tree {
	return tree.New(c, tree.Options{Requests: requests, Memory: treeMemory})
}
