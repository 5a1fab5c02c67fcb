package adopt

import (
	"clfsload/sync/blob"
	"clfsload/sync/tree"
)

// treeMemory is the memory for segments of other programs while they are read.
const treeMemory = 64 << 20

// NewTree returns a reader of the container as other programs have written it.
func NewTree(c blob.Container, requests int) *tree.Tree {
	return tree.New(c, tree.Options{Requests: requests, Memory: treeMemory})
}
