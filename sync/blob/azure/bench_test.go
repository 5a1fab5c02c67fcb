package azure_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"clfsload/sync/blob/azure"
	"clfsload/tests/azurite"
	"clfsload/tests/blobserver"
)

// benchSize is that of the blobs that a load mostly consists of: inodes of small
// files.
const benchSize = 8 << 10

// benchmarkPut measures put from some goroutines at a time against a server in this
// process, and reports what a blob costs in CPU time, the server's included.
func benchmarkPut(b *testing.B, put func(ctx context.Context, name string, data []byte) error) {
	data := make([]byte, benchSize)
	var n atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	before := cpuTime(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := put(context.Background(), fmt.Sprintf("blob%d", n.Add(1)%1000), data); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/1000, "cpu-us/op")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPut compares Put by kind of credentials with the bare minimum, a PUT of
// net/http that carries an MD5.
func BenchmarkPut(b *testing.B) {
	const sas = "sv=2021-12-02&se=2040-01-01T00%3A00%3A00Z&sr=c&sp=racwdl&sig=c2lnbmF0dXJlIG9mIHRoZSB1c3VhbCBsZW5ndGggIQ%3D%3D"
	url := func(b *testing.B) string {
		s := blobserver.Start(b)
		s.SkipChecksums()
		return s.NewContainer("data")
	}
	b.Run("bare", func(b *testing.B) { benchmarkPut(b, bare(url(b), sas)) })
	b.Run("SAS", func(b *testing.B) {
		benchmarkPut(b, open(b, url(b)+"?"+sas, azure.Secrets{}).Put)
	})
	b.Run("key", func(b *testing.B) {
		benchmarkPut(b, open(b, url(b), azure.Secrets{Key: azurite.Key}).Put)
	})
}

func bare(url, sas string) func(context.Context, string, []byte) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	return func(ctx context.Context, name string, data []byte) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, url+"/"+name+"?"+sas, bytes.NewReader(data))
		if err != nil {
			return err
		}
		sum := md5.Sum(data)
		req.Header.Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
		req.Header.Set("x-ms-blob-type", "BlockBlob")
		req.Header.Set("x-ms-version", "2021-12-02")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
}
