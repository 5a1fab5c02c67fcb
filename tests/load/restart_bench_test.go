package load

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/state"
	"clfsload/tests/harness"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

const (
	queuedEntries = 1_000_000
	// realEntries of them are in the source: more than are uploaded before the kill.
	realEntries = 5_000
	// firstUploadLimit is for the first blob of a load that goes on.
	firstUploadLimit = 2 * time.Second
)

// BenchmarkFirstUploadOfAMillionEntries measures the time from the start of a load
// that goes on to its first blob, with a million entries waiting in the journal.
func BenchmarkFirstUploadOfAMillionEntries(b *testing.B) {
	path, err := harness.Binary()
	if err != nil {
		b.Fatal(err)
	}
	c := remote.NewMetered(b)
	source, dir := b.TempDir(), filepath.Join(b.TempDir(), "state")
	fillJournal(b, dir, source, strings.TrimSuffix(c.URL, "?sig=any"))
	var longest time.Duration
	b.ResetTimer()
	for b.Loop() {
		first := make(chan struct{}, 1)
		c.Before(func(name string) {
			if trees.ExceptBucket(name) {
				select {
				case first <- struct{}{}:
				default:
				}
			}
		})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		load := exec.CommandContext(ctx, path, "load", dir, source, c.URL, "--max-errors", "0")
		var stderr harness.LockedBuffer
		load.Stderr = &stderr
		began := time.Now()
		if err := load.Start(); err != nil {
			b.Fatal(err)
		}
		select {
		case <-first:
			longest = max(longest, time.Since(began))
		case <-ctx.Done():
			b.Errorf("no upload in a minute:\n%s", stderr.String())
		}
		cancel() // kills it
		_ = load.Wait()
	}
	b.ReportMetric(longest.Seconds(), "longest-s")
	if longest > firstUploadLimit {
		b.Errorf("the first upload came after %v, not %v", longest, firstUploadLimit)
	}
}

// fillJournal makes the journal of a load whose source was listed.
func fillJournal(b *testing.B, dir, source, target string) {
	b.Helper()
	root := state.Attr{Type: clfs.TypeDirectory, Mode: unix.S_IFDIR | 0o755, Nlink: 2}
	j, err := state.Create(dir, state.Settings{
		Source: source, Target: target, Compression: compression.LZ4, DirMgrCount: clfs.DefaultDirMgrCount,
		ContainerID: 1, FSID: 1, RootName: filepath.Base(source),
		BucketUUID: "0b8a1d62-6a3c-4a8e-8f2c-5b4a4a1f2f01", MassUUID: "0b8a1d62-6a3c-4a8e-8f2c-5b4a4a1f2f02", WipeUUID: "0b8a1d62-6a3c-4a8e-8f2c-5b4a4a1f2f03",
	}, root)
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	directory, err := j.Inode(b.Context(), state.RootIno)
	if err != nil {
		b.Fatal(err)
	}
	attr := state.Attr{Type: clfs.TypeRegular, Mode: unix.S_IFREG | 0o644, Size: 8, Nlink: 1}
	var page []state.Entry
	for i := range queuedEntries {
		name := fmt.Sprintf("entry-%07d", i)
		if i < realEntries {
			if err := os.WriteFile(filepath.Join(source, name), []byte("contents"), 0o644); err != nil {
				b.Fatal(err)
			}
		}
		page = append(page, state.Entry{Name: []byte(name), Attr: attr})
		if last := i == queuedEntries-1; len(page) == 10_000 || last {
			if err := j.AddEntries(b.Context(), directory, page, last); err != nil {
				b.Fatal(err)
			}
			page = page[:0]
		}
	}
}
