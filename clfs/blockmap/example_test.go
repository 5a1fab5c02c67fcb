package blockmap_test

import (
	"fmt"

	"clfsload/clfs/blockmap"
)

// Blocks 1 to 1023 are in the direct list, block 5120 is the first of tree 1.
func ExampleLocate() {
	for _, block := range []uint64{1, 1023, 1024, 5119, 5120} {
		p, err := blockmap.Locate(block)
		fmt.Println(block, p.Tree, p.Path, err)
	}
	// Output:
	// 1 -1 [1] <nil>
	// 1023 -1 [1023] <nil>
	// 1024 0 [0] <nil>
	// 5119 0 [4095] <nil>
	// 5120 1 [0 0] <nil>
}

// A file with 5121 data segments is the example of docs/clfs-format.md section 4.
func ExampleIndirectCount() {
	count := blockmap.IndirectCount(5121)
	fmt.Println("tree 0:", count[0][:1], "tree 1:", count[1][:2])
	// Output: tree 0: [1] tree 1: [1 1]
}
