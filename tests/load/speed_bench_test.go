package load

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/trees"
)

// BenchmarkLoadAgainstBareLoop loads the Go toolchain into a blob server in memory
// and compares that with a loop that reads each file and puts it, and does nothing
// else. Both run in turn on the same machine; what counts is their ratio.
func BenchmarkLoadAgainstBareLoop(b *testing.B) {
	clfsload, err := harness.Binary()
	if err != nil {
		b.Fatal(err)
	}
	var bare, load time.Duration
	var files int
	for i := range b.N {
		server := blobserver.Start(b)
		server.SkipChecksums()
		began := time.Now()
		files = bareLoop(b, trees.GoRoot(b), server.NewContainer("bare"))
		bare += time.Since(began)

		state := filepath.Join(b.TempDir(), fmt.Sprint("state", i))
		target := server.NewContainer("load") + "?sig=any"
		began = time.Now()
		if out, err := exec.Command(clfsload, "load", "--new", state, trees.GoRoot(b), target).CombinedOutput(); err != nil {
			b.Fatalf("load: %v\n%s", err, out)
		}
		load += time.Since(began)
	}
	n := float64(files * b.N)
	b.ReportMetric(n/bare.Seconds(), "bare-files/s")
	b.ReportMetric(n/load.Seconds(), "load-files/s")
	b.ReportMetric(bare.Seconds()/load.Seconds(), "load/bare")
}

// bareLoop puts every regular file below source as one blob.
func bareLoop(b *testing.B, source, container string) (files int) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	var g errgroup.Group
	g.SetLimit(64)
	err := filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		url := fmt.Sprintf("%s/%d", container, files)
		files++
		g.Go(func() error { return putFile(client, path, url) })
		return nil
	})
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	return files
}

func putFile(client *http.Client, path, url string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPut, url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("x-ms-blob-type", "BlockBlob")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusCreated {
		return fmt.Errorf("put %s: %s", path, response.Status)
	}
	return err
}
