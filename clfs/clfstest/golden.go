package clfstest

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
)

// Containers are the archives in testdata/golden of the containers that CLFSLoad wrote
// without interruption.
var Containers = []string{"container-lz4-hardlinks.tar.gz", "container-raw.tar.gz"}

// EachBlob calls do for every blob of a golden container, and fails the test if there
// are too few to say anything.
func EachBlob(t testing.TB, container string, do func(name string, blob []byte)) {
	t.Helper()
	count := 0
	EachFile(t, container, func(name string, blob []byte) {
		count++
		do(name, blob)
	})
	if count < 4000 {
		t.Fatalf("%s: %d blobs, it should hold more than 4000", container, count)
	}
}

// EachFile calls do for every file of an archive in testdata/golden.
func EachFile(t testing.TB, archive string, do func(name string, data []byte)) {
	t.Helper()
	f, err := os.Open(GoldenPath(t, archive))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		do(path.Base(header.Name), data)
	}
}

// GoldenPath is where a file of testdata/golden is.
func GoldenPath(t testing.TB, name string) string {
	t.Helper()
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("the path of this source file is not known")
	}
	return filepath.Join(filepath.Dir(here), "..", "..", "testdata", "golden", name)
}
