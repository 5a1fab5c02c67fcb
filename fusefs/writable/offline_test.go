package writable

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"clfsload/fusefs/writable/contents"
	"clfsload/state"
)

func (k *kernel) stagingFile(node uint64) string {
	return filepath.Join(k.dir, "staging", fmt.Sprintf("%02x", node&0xff), fmt.Sprintf("%x", node))
}

// cutTo returns a damage that leaves so many bytes of a staging file.
func cutTo(size int64) func(path string) error {
	return func(path string) error { return os.Truncate(path, size) }
}

func unharmed(string) error { return nil }

// grown makes a file of text with a hole up to a size behind it.
func (k *kernel) grown(text string, size int64) *opened {
	k.t.Helper()
	f := k.create(rootNode, "f")
	k.ok("write", f.write([]byte(text), 0))
	k.ok("truncate", k.truncate(f.node, size))
	return f
}

// What is kept of a file that is not published is all of it, or nothing: where the staging file lacks
// something it would be zeros.
func TestAFileIsCopiedOfflineAsItIsOrNotAtAll(t *testing.T) {
	second, _ := state.BlockRange(1)
	for name, c := range map[string]struct {
		make   func(k *kernel) *opened
		damage func(path string) error
		lost   bool
	}{
		"whole":                       {func(k *kernel) *opened { return k.grown("text", 4) }, unharmed, false},
		"hole at the end":             {func(k *kernel) *opened { return k.grown("text", 3*mega) }, unharmed, false},
		"hole alone":                  {func(k *kernel) *opened { return k.grown("", 3*mega) }, unharmed, false},
		"empty":                       {(*kernel).makeEmpty, unharmed, false},
		"empty, missing":              {(*kernel).makeEmpty, os.RemoveAll, false},
		"short by a byte":             {func(k *kernel) *opened { return k.grown("text", 4) }, cutTo(3), true},
		"missing":                     {func(k *kernel) *opened { return k.grown("text", 4) }, os.Remove, true},
		"hole at the end, short":      {func(k *kernel) *opened { return k.grown("text", 3*mega) }, cutTo(3*mega - 1), true},
		"evicted":                     {func(k *kernel) *opened { return k.openEvicted(10) }, unharmed, false},
		"evicted, grown":              {(*kernel).makeEvictedAndGrown, unharmed, false},
		"evicted, grown, missing":     {(*kernel).makeEvictedAndGrown, os.Remove, true},
		"evicted, overwritten":        {(*kernel).makeOverwritten, unharmed, false},
		"evicted, overwritten, cut":   {(*kernel).makeOverwritten, cutTo(second), false},
		"evicted, overwritten, short": {(*kernel).makeOverwritten, cutTo(second - 1), true},
		"uploaded while open":         {(*kernel).makeUploadedOpen, unharmed, false},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKernel(t)
			f := c.make(k)
			want, status := f.read(0, int(k.attr(f.node).Size))
			k.ok("read", status)
			f.close()
			k.die()
			if err := c.damage(k.stagingFile(f.node)); err != nil {
				t.Fatal(err)
			}
			got, err := k.copyOffline(f.node)
			if c.lost != errors.Is(err, contents.ErrStagingLost) || !c.lost && (err != nil || !bytes.Equal(got, want)) {
				t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
			}
		})
	}
}

func (k *kernel) makeEmpty() *opened { return k.create(rootNode, "f") }

// openEvicted opens a file of so many bytes that is in the container alone.
func (k *kernel) openEvicted(size int64) *opened { return k.open(k.evicted(int(size)), syscall.O_RDWR) }

// makeEvictedAndGrown makes a file of two blocks in the container and a hole behind them.
func (k *kernel) makeEvictedAndGrown() *opened {
	second, _ := state.BlockRange(1)
	f := k.openEvicted(second + 10)
	end, _ := state.BlockRange(3)
	k.ok("truncate", k.truncate(f.node, end+10))
	return f
}

// makeOverwritten makes a file in the container and overwrites its first block.
func (k *kernel) makeOverwritten() *opened {
	third, _ := state.BlockRange(2)
	f := k.openEvicted(third + 10)
	k.ok("write", f.write([]byte("new"), 5))
	return f
}

// makeUploadedOpen makes an open file and evicts all its blocks but the first and the last.
func (k *kernel) makeUploadedOpen() *opened {
	f := k.openUploaded()
	if n, err := k.fs.evictor.EvictBlocks(k.t.Context()); n == 0 || err != nil {
		k.t.Fatalf("%d blocks evicted, %v", n, err)
	}
	return f
}

// copyOffline copies a file of a mount that has ended, and starts the mount again.
func (k *kernel) copyOffline(node uint64) ([]byte, error) {
	k.t.Helper()
	j, store := k.openState()
	defer k.start(j)
	defer store.Close()
	k.engine.journal, k.engine.staging = j, store
	files := contents.NewTable(k.t.Context(), contents.Options{Journal: j, Staging: store, Container: k.engine, MaxFileSize: LargestFile, Memory: 64 << 20})
	to, err := os.Create(filepath.Join(k.t.TempDir(), "copy"))
	if err != nil {
		k.t.Fatal(err)
	}
	defer to.Close()
	if err := files.CopyTo(k.t.Context(), state.Ino(node), to); err != nil {
		return nil, err
	}
	return os.ReadFile(to.Name())
}
