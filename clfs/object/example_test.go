package object_test

import (
	"fmt"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

func ExampleDecodeInode() {
	file := clfs.Handle{ContainerID: 7, Type: clfs.TypeRegular, Sequence: 1001, Random: 5}.ID()
	payload := (&object.Inode{
		Attr:         object.Attr{Mode: 0o100644, Type: clfs.TypeRegular, Size: 5, Nlink: 1},
		Direct:       []clfs.ID{file},
		BackPointers: []clfs.ID{clfs.RootID},
		Name:         []byte("greeting"),
		Data:         []byte("hello"),
	}).Append(nil)

	in, err := object.DecodeInode(payload)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s, a %s of %d bytes: %s\n", in.Name, in.Attr.Type, in.Attr.Size, in.Data)
	// Output: greeting, a regular file of 5 bytes: hello
}

func ExampleAppendDirent() {
	file := clfs.Handle{ContainerID: 7, Type: clfs.TypeRegular, Sequence: 1001, Random: 5}.ID()
	page := object.AppendDirent(nil, []byte("."), clfs.RootID)
	page = object.AppendDirent(page, []byte(".."), clfs.RootID)
	page = object.AppendDirent(page, []byte("greeting"), file)
	for d, err := range object.Dirents(page) {
		fmt.Printf("%s %s %v\n", d.Name, d.ID, err)
	}
	// Output:
	// . 00000000000000000000000000000064 <nil>
	// .. 00000000000000000000000000000064 <nil>
	// greeting F100000000000200E9030000000000000500000000000000 <nil>
}
