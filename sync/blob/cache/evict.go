package cache

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// batch is the most entries that are evicted after one scan of the directory.
	batch = 16384
	// evictShare is the share of the size that is freed in addition, so that eviction is rare.
	evictShare = 16
	// abandoned is the age of a temporary entry whose writer counts as dead.
	abandoned = time.Hour
	// turn is how long to wait for another process that evicts, before the next check.
	turn = 200 * time.Millisecond
)

// evict counts the bytes of the entries, and removes the least recently used ones if there are too
// many.
func (d *Dir) evict(ctx context.Context) error {
	unlock, err := d.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for {
		s, err := d.scan(ctx)
		if err != nil {
			return err
		}
		excess := d.excess(s.bytes)
		if excess <= 0 || len(s.oldest) == 0 {
			return nil
		}
		removed := s.evict(excess)
		if removed == 0 {
			return errors.New("no entry can be removed")
		}
		d.shrank(removed)
	}
}

// lock waits until no other process evicts.
func (d *Dir) lock(ctx context.Context) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(d.path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(err, f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-time.After(turn):
		}
	}
}

// excess is how many bytes of the entries must be removed. A full disk counts as too much once.
func (d *Dir) excess(bytes int64) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	limit := d.size
	if d.full {
		limit, d.full = min(limit, bytes-1), false
	}
	if bytes <= limit {
		return 0
	}
	return bytes - (limit - limit/evictShare)
}

func (d *Dir) shrank(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bytes -= bytes
}

// counted takes over the result of a scan. Added is the sum of additions before the scan began.
func (d *Dir) counted(bytes, added int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.added -= added
	d.bytes = bytes + d.added // some of which the scan may have seen
}

// survey is the result of a scan.
type survey struct {
	bytes  int64
	oldest oldest
}

// oldest is a heap of the least recently used entries, with the most recent of them on top.
type oldest []candidate

type candidate struct {
	path  string
	bytes int64
	used  time.Time
}

func (o oldest) Len() int           { return len(o) }
func (o oldest) Less(i, j int) bool { return o[i].used.After(o[j].used) }
func (o oldest) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *oldest) Push(x any)        { *o = append(*o, x.(candidate)) }
func (o *oldest) Pop() any {
	last := len(*o) - 1
	x := (*o)[last]
	*o = (*o)[:last]
	return x
}

// scan goes over all entries.
func (d *Dir) scan(ctx context.Context) (*survey, error) {
	d.mu.Lock()
	added := d.added
	d.mu.Unlock()
	s := &survey{}
	for _, container := range list(d.path) {
		for _, shard := range list(container) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := s.shard(shard, d.now()); err != nil {
				return nil, err
			}
		}
	}
	d.counted(s.bytes, added)
	return s, d.measure(s.bytes)
}

// measure determines the size if none is given. The entries already take that many bytes.
func (d *Dir) measure(bytes int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.size > 0 {
		return nil
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(d.path, &disk); err != nil {
		return fmt.Errorf("measure the disk: %w", err)
	}
	d.size = max((int64(disk.Bavail)*disk.Bsize+bytes)/2, 1)
	return nil
}

// list returns the paths of the directories in a directory. If it cannot be read, there are none:
// the user may remove it.
func list(dir string) (paths []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

// shard adds the entries in one directory.
func (s *survey) shard(dir string, now time.Time) error {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(1024)
		for _, name := range names {
			s.file(filepath.Join(dir, name), now)
		}
		if err != nil || len(names) == 0 {
			return nil // at the end, or it was removed
		}
	}
}

func (s *survey) file(path string, now time.Time) {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	if isTemporary(filepath.Base(path)) {
		if now.Sub(info.ModTime()) > abandoned {
			_ = os.Remove(path)
		}
		return
	}
	c := candidate{path, info.Size(), info.ModTime()}
	s.bytes += c.bytes
	if len(s.oldest) < batch {
		heap.Push(&s.oldest, c)
	} else if c.used.Before(s.oldest[0].used) {
		s.oldest[0] = c
		heap.Fix(&s.oldest, 0)
	}
}

// evict removes the least recently used entries, up to that many bytes, and returns the number of
// bytes removed.
func (s *survey) evict(bytes int64) (removed int64) {
	victims := make([]candidate, len(s.oldest))
	for i := len(victims) - 1; i >= 0; i-- {
		victims[i] = heap.Pop(&s.oldest).(candidate)
	}
	for _, v := range victims {
		if removed >= bytes {
			break
		}
		if err := os.Remove(v.path); err == nil || errors.Is(err, fs.ErrNotExist) {
			removed += v.bytes
		}
	}
	return removed
}
