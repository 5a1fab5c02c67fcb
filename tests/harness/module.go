package harness

import (
	"os"
	"path/filepath"
	"sync"
)

// InModule returns the path of a file of the repository.
func InModule(name string) string { return filepath.Join(Root(), name) }

// Root is the directory of go.mod, above that of the package whose tests run.
var Root = sync.OnceValue(func() string {
	directory, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for ; directory != "/"; directory = filepath.Dir(directory) {
		if _, err := os.Stat(filepath.Join(directory, "go.mod")); err == nil {
			return directory
		}
	}
	panic("no go.mod above the working directory")
})
