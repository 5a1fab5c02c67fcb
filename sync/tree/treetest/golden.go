package treetest

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"testing"

	"clfsload/sync/blob/mem"
)

// The golden containers in testdata/golden.
const (
	GoldenLZ4 = "container-lz4-hardlinks.tar.gz"
	GoldenRaw = "container-raw.tar.gz"

	GoldenResumedEarly = "clfsload-resumed-1.2.tar.gz"
	GoldenResumedLate  = "clfsload-resumed-1.35.tar.gz"
)

// GoldenPath is where a file of testdata/golden is.
func GoldenPath(t testing.TB, name string) string {
	t.Helper()
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("the path of this source file is not known")
	}
	return filepath.Join(filepath.Dir(here), "..", "..", "..", "testdata", "golden", name)
}

// Golden loads one of the golden containers into memory.
func Golden(t testing.TB, name string) *mem.Container {
	t.Helper()
	f, err := os.Open(GoldenPath(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	c := mem.New()
	for archive := tar.NewReader(unzipped); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return c
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Put(t.Context(), path.Base(h.Name), data); err != nil {
			t.Fatal(err)
		}
	}
}
