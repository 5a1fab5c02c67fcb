package clfs_test

import (
	"fmt"

	"clfsload/clfs"
)

// A well-known object of the service has a name of form 1, all others one of form 2.
func ExampleObjectName() {
	file := clfs.Handle{ContainerID: 7, Type: clfs.TypeRegular, Sequence: 1001, Random: 5}.ID()
	fmt.Println(clfs.ObjectName(clfs.BucketID, "", clfs.TypeSpecial, clfs.FirstVersion))
	fmt.Println(clfs.ObjectName(file, clfs.RootID, clfs.TypeRegular, clfs.FirstVersion))
	// Output:
	// 00000063_00000000000000000000000000000063.00000000009.FFFFFFFF.0001
	// 982A548E5B5D2D42_F100000000000200E9030000000000000500000000000000.0001.0000006457871C6B.00000000009.FFFFFFFF.0002
}

func ExampleParseName() {
	n, err := clfs.ParseName("00000063_00000000000000000000000000000063.00000000009.FFFFFFFF.0001")
	fmt.Println(n.ID == clfs.BucketID, n.Version, n.Form, err)
	// Output: true 9 1 <nil>
}
