package dir

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/sync/blob"
)

// memory is the content of the directory when it was last read for one object. Readers request
// thousands of objects one after the other, and each request would read the whole directory.
type memory struct {
	mu    sync.Mutex // held while the directory is read
	began time.Time  // of the reading
	stamp dirStamp   // zero: the directory may have changed since without a sign of it
	names []string   // in byte order
	many  bool       // there were too many names to keep
}

// dirStamp changes whenever a name is added or removed.
type dirStamp struct{ mtime, ctime unix.Timespec }

// stampAge is the minimum age of the last change of a directory, so that the next one has another
// time: clocks of file systems tick every 10 ms or more often.
const stampAge = 100 * time.Millisecond

func (c *Container) stamp() (s dirStamp, err error) {
	var st unix.Stat_t
	err = retry(func() error { return unix.Fstat(c.fd, &st) })
	return dirStamp{st.Mtim, st.Ctim}, err
}

// remembered returns all names with a prefix, as of now; found is false if the directory has too
// many names to keep.
func (c *Container) remembered(ctx context.Context, prefix string) (names []string, found bool, err error) {
	asked := time.Now()
	m := &c.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.many {
		return nil, false, nil
	}
	stamp, err := c.stamp()
	if err != nil {
		return nil, false, c.wrap(err)
	}
	if !m.began.After(asked) && (stamp == dirStamp{} || m.stamp != stamp) {
		if err := c.memorize(ctx, stamp); err != nil {
			return nil, false, err
		}
	}
	from, _ := slices.BinarySearch(m.names, prefix)
	to := from
	for to < len(m.names) && strings.HasPrefix(m.names[to], prefix) {
		to++
	}
	return m.names[from:to:to], !m.many, nil
}

// memorize reads all names.
func (c *Container) memorize(ctx context.Context, before dirStamp) error {
	m := &c.memory
	m.began, m.stamp, m.names = time.Now(), dirStamp{}, nil
	names := []string{}
	err := c.eachName(ctx, func(name string) bool {
		names = append(names, name)
		return len(names) <= maxWindow
	})
	if err != nil {
		return err
	}
	after, err := c.stamp()
	if err != nil {
		return c.wrap(err)
	}
	if after == before && time.Since(time.Unix(before.mtime.Unix())) > stampAge {
		m.stamp = before
	}
	if m.many = len(names) > maxWindow; !m.many {
		slices.Sort(names)
		m.names = slices.Compact(names) // a file replaced meanwhile may be met twice
	}
	return nil
}

// eachName calls fn for each possible blob name, in no order, until it returns false.
func (c *Container) eachName(ctx context.Context, fn func(name string) bool) error {
	fd, err := openat(c.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return c.wrap(err)
	}
	d := os.NewFile(uintptr(fd), c.path)
	defer d.Close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		names, err := d.Readdirnames(readBatch)
		for _, name := range names {
			if blob.CheckName(name) == nil && !fn(name) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return c.wrap(err)
		}
	}
}
