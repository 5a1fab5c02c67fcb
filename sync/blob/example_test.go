package blob_test

import (
	"context"
	"errors"
	"fmt"

	"clfsload/sync/blob"
	"clfsload/sync/blob/mem"
)

// Functions take a blob.Container, so they work with every kind of container.
func Example() {
	ctx := context.Background()
	var c blob.Container = mem.New()

	for _, name := range []string{"b", "a", "other"} {
		if err := c.Put(ctx, name, []byte("contents of "+name)); err != nil {
			panic(err)
		}
	}

	whole, err := c.Get(ctx, "a", 0, -1)
	if err != nil {
		panic(err)
	}
	part, err := c.Get(ctx, "other", 12, 100)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%q, then %q of %d bytes\n", whole.Data, part.Data, part.Size)

	if err := c.Delete(ctx, "b"); err != nil {
		panic(err)
	}
	_, err = c.Get(ctx, "b", 0, -1)
	fmt.Println("b is deleted:", errors.Is(err, blob.ErrNotFound))

	// Output:
	// "contents of a", then "other" of 17 bytes
	// b is deleted: true
}

// All asks for one page after the other.
func ExampleAll() {
	ctx := context.Background()
	c := mem.NewPaged(2)
	for _, name := range []string{"log-3", "log-1", "data", "log-2"} {
		if err := c.Put(ctx, name, []byte(name)); err != nil {
			panic(err)
		}
	}

	for info, err := range blob.All(ctx, c, "log-") {
		if err != nil {
			panic(err)
		}
		fmt.Println(info.Name, info.Size)
	}

	// Output:
	// log-1 5
	// log-2 5
	// log-3 5
}
