package tree_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"clfsload/sync/blob/mem"
	"clfsload/sync/tree"
	"clfsload/sync/tree/treetest"
)

// Open a container and read one of its files.
func Example() {
	ctx := context.Background()
	tr, err := tree.Open(ctx, goldenContainer(), tree.Options{})
	if err != nil {
		panic(err)
	}
	defer tr.Close()

	file, err := tr.Lookup(ctx, "/links/h1")
	if err != nil {
		panic(err)
	}
	size := file.Inode.Attr.Size
	fmt.Printf("%s, %d bytes: ", file.Type(), size)
	if err := tr.WriteTo(ctx, os.Stdout, file, 0, size); err != nil {
		panic(err)
	}

	// Output:
	// regular file, 20 bytes: hard linked content
}

// A walk calls Entry from many goroutines, in no order.
func ExampleTree_Walk() {
	ctx := context.Background()
	tr, err := tree.Open(ctx, goldenContainer(), tree.Options{})
	if err != nil {
		panic(err)
	}
	defer tr.Close()
	start, err := tr.Lookup(ctx, "/empty")
	if err != nil {
		panic(err)
	}

	var mu sync.Mutex
	var found []string
	err = tr.Walk(ctx, start, "/empty", tree.Visitor{
		Entry: func(_ context.Context, v tree.Visited) error {
			if v.Err != nil {
				return v.Err
			}
			mu.Lock()
			defer mu.Unlock()
			found = append(found, fmt.Sprintf("%s %s", v.Path(), v.Node.Type()))
			return nil
		},
	})
	if err != nil {
		panic(err)
	}
	slices.Sort(found)
	fmt.Println(strings.Join(found, "\n"))

	// Output:
	// /empty/nested directory
	// /empty/nested/deeper directory
}

// goldenContainer returns a container that CLFSLoad wrote. A program would open one
// with azure.Open or dir.Open.
func goldenContainer() *mem.Container {
	f, err := os.Open("../../testdata/golden/" + treetest.GoldenRaw)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		panic(err)
	}
	c := mem.New()
	for archive := tar.NewReader(unzipped); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return c
		}
		if err != nil {
			panic(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			panic(err)
		}
		if err := c.Put(context.Background(), path.Base(h.Name), data); err != nil {
			panic(err)
		}
	}
}
