package dir_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"clfsload/sync/blob"
	"clfsload/sync/blob/dir"
)

func Example() {
	if err := putAndList(context.Background()); err != nil {
		panic(err)
	}

	// Output:
	// greeting 5
	// reply 3
	// the file holds "hello"
}

func putAndList(ctx context.Context) error {
	above, err := os.MkdirTemp("", "example")
	if err != nil {
		return err
	}
	defer os.RemoveAll(above)
	path := filepath.Join(above, "container")

	c, err := dir.Create(path)
	if err != nil {
		return err
	}
	defer c.Close()
	for name, data := range map[string]string{"greeting": "hello", "reply": "hi!"} {
		if err := c.Put(ctx, name, []byte(data)); err != nil {
			return err
		}
	}
	// Until Sync returns, a power cut may take what was put.
	if err := blob.Sync(ctx, c); err != nil {
		return err
	}

	for info, err := range blob.All(ctx, c, "") {
		if err != nil {
			return err
		}
		fmt.Println(info.Name, info.Size)
	}
	data, err := os.ReadFile(filepath.Join(path, "greeting"))
	fmt.Printf("the file holds %q\n", data)
	return err
}
