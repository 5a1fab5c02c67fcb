package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"clfsload/rescue"
)

// ErrDir: a directory cannot be a cache.
var ErrDir = errors.New("cannot be a cache")

const (
	// lockName is the file that an evicting process locks. A directory with this file is a cache.
	lockName = "clfsload-cache.lock"
	// tagName and tag tell backup programs to leave the directory out
	// (https://bford.info/cachedir/).
	tagName = "CACHEDIR.TAG"
	tag     = "Signature: 8a477f597d28d172789f06886806bc55\n# Cache of clfsload. It may be removed when no mount uses it.\n"
)

// Options are the settings of a Dir. The functions may be nil, are called from many goroutines and
// must not wait.
type Options struct {
	Size    int64                        // maximum bytes of all entries; 0: half of the space that its disk has for them now
	Damaged func(path string, err error) // an entry is damaged, and was removed
	Failed  func(err error)              // entries cannot be kept; not called again before that succeeds
}

// A Dir is a directory with blobs of any number of containers.
type Dir struct {
	path    string
	options Options
	now     func() time.Time
	failing atomic.Bool

	mu    sync.Mutex
	size  int64 // Options.Size; 0: not known yet
	bytes int64 // that the entries take, as far as is known
	added int64 // by this process since its last scan
	full  bool  // the disk has no room

	wake chan struct{} // has an element when it is time to evict
	stop context.CancelFunc
	done sync.WaitGroup
}

// Open opens a directory, or creates it. It must be empty or a cache, and belong to the user of
// this process; other users lose all access to it. Errors wrap [ErrDir].
func Open(path string, o Options) (*Dir, error) { return open(path, o, time.Now) }

func open(path string, o Options, now func() time.Time) (*Dir, error) {
	if err := prepare(path); err != nil {
		return nil, fmt.Errorf("open cache %s: %w: %w", path, ErrDir, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	d := &Dir{path: path, options: o, now: now, size: o.Size, wake: make(chan struct{}, 1), stop: stop}
	d.wake <- struct{}{} // to count what is there
	d.done.Go(func() { d.evicting(ctx) })
	return d, nil
}

// Close ends the background work. The entries stay.
func (d *Dir) Close() {
	d.stop()
	d.done.Wait()
}

func prepare(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errors.New("it is not a directory, or it is a symbolic link to one")
	}
	if owner := int(info.Sys().(*syscall.Stat_t).Uid); owner != os.Geteuid() {
		return fmt.Errorf("it belongs to user %d, who could change its contents", owner)
	}
	if err := checkContents(path); err != nil {
		return err
	}
	if info.Mode().Perm()&0o022 != 0 {
		if err := checkEmpty(path); err != nil {
			return fmt.Errorf("others may write to it, and %w", err)
		}
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(path, 0o700); err != nil {
			return err
		}
	}
	return errors.Join(addFile(path, lockName, ""), addFile(path, tagName, tag))
}

// checkContents refuses a directory with other contents: its mode would be changed, and files would
// be removed from it.
func checkContents(path string) error {
	if _, err := os.Lstat(filepath.Join(path, lockName)); err == nil {
		return nil
	}
	if err := checkEmpty(path); err != nil {
		return fmt.Errorf("it is not a cache, and %w", err)
	}
	return nil
}

func checkEmpty(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if names, _ := f.Readdirnames(1); len(names) > 0 {
		return fmt.Errorf("it is not empty: it has an entry %q", names[0])
	}
	return nil
}

func addFile(dir, name, text string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// evicting evicts on request, until ctx ends.
func (d *Dir) evicting(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		}
		if err := rescue.Call(func() error { return d.evict(ctx) }); err != nil && ctx.Err() == nil {
			d.failed(fmt.Errorf("evict from cache %s: %w", d.path, err))
		}
	}
}

// failed reports once that entries cannot be kept.
func (d *Dir) failed(err error) {
	if !d.failing.Swap(true) && d.options.Failed != nil {
		d.options.Failed(err)
	}
}

// rescanShare is the share of the size that this process adds before it scans the directory again.
const rescanShare = 16

// hasRoom reports whether an entry may be added. If eviction is too slow, no entry is added.
func (d *Dir) hasRoom() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.size == 0 || d.bytes <= d.size+d.size/8 {
		return true
	}
	d.wakeEvictor() // the last eviction may have failed
	return false
}

// grew counts an added entry.
func (d *Dir) grew(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bytes += bytes
	d.added += bytes
	if d.size > 0 && (d.bytes > d.size || d.added > d.size/rescanShare) {
		d.wakeEvictor()
	}
}

// filled records that the disk is full.
func (d *Dir) filled() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = true
	d.wakeEvictor()
}

func (d *Dir) wakeEvictor() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
