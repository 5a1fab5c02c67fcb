package mem_test

import (
	"context"
	"fmt"

	"clfsload/sync/blob/mem"
)

func Example() {
	ctx := context.Background()
	c := mem.New()
	if err := c.Put(ctx, "greeting", []byte("hello")); err != nil {
		panic(err)
	}

	o, err := c.Get(ctx, "greeting", 1, 3)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s %q of %d bytes, with an MD5 of %d bytes\n", o.Name, o.Data, o.Size, len(o.MD5))

	// Output:
	// greeting "ell" of 5 bytes, with an MD5 of 16 bytes
}
