package dir

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"clfsload/sync/blob"
)

// maxWindow is how many names a List keeps for the following pages, some 20 MB.
const maxWindow = 1 << 18

// objectPrefix is the minimum length of a prefix that names one object (docs/clfs-format.md section
// 2): more such requests will follow.
const objectPrefix = 8 + 1 + 2 + 1

// readBatch is how many names are read from the directory at a time.
const readBatch = 4096

// window is a run of names in byte order: all those of a listing between marker and the last of
// them. With it, one read of the directory serves many pages.
type window struct {
	prefix string
	marker string   // the names come after it
	names  []string // at least one, unless last
	last   bool     // there are no names after these
}

// List implements blob.Container. A marker is the last name of the page before.
//
// It reads the whole directory once for every 262,144 names that match, and reads the size of each
// blob in the page. Its memory is bounded by those names. Two alternating listings read the
// directory for every page. Names for the prefix of one object come from memory if the directory
// has not changed since it was read, and has no more than 262,144.
func (c *Container) List(ctx context.Context, prefix, marker string) (blob.Page, error) {
	w, err := c.takeWindow(ctx, prefix, marker)
	if err != nil {
		return blob.Page{}, fmt.Errorf("list %q: %w", prefix, err)
	}
	n := min(len(w.names), blob.MaxPage)
	page, err := c.stat(w.names[:n])
	if err != nil {
		return blob.Page{}, fmt.Errorf("list %q: %w", prefix, c.wrap(err))
	}
	if n == len(w.names) && w.last {
		return page, nil
	}
	page.Next = w.names[n-1]
	c.keepWindow(window{prefix: prefix, marker: page.Next, names: w.names[n:], last: w.last})
	return page, nil
}

// takeWindow returns the names after marker: from the last List if that read ahead, otherwise from
// the directory. A listing from its beginning always reads the directory.
func (c *Container) takeWindow(ctx context.Context, prefix, marker string) (window, error) {
	c.mu.Lock()
	w := c.window
	if marker != "" && w.prefix == prefix && w.marker == marker {
		c.window = window{}
		c.mu.Unlock()
		return w, ctx.Err()
	}
	c.mu.Unlock()
	return c.readWindow(ctx, prefix, marker)
}

func (c *Container) keepWindow(w window) {
	if len(w.names) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.window = w
}

// readWindow reads the whole directory for the first names with prefix after marker.
func (c *Container) readWindow(ctx context.Context, prefix, marker string) (window, error) {
	if len(prefix) >= objectPrefix && marker == "" {
		names, found, err := c.remembered(ctx, prefix)
		if err != nil || found && len(names) > 0 {
			return window{prefix: prefix, names: names, last: true}, err
		}
	}
	s := selection{limit: maxWindow}
	err := c.eachName(ctx, func(name string) bool {
		if name > marker && strings.HasPrefix(name, prefix) {
			s.add(name)
		}
		return true
	})
	if err != nil {
		return window{}, err
	}
	if len(s.names) == 0 && c.gone() {
		return window{}, blob.ErrContainerMissing
	}
	s.cut()
	return window{prefix: prefix, marker: marker, names: s.names, last: !s.full}, nil
}

// selection keeps the smallest limit names of those added, and holds at most twice as many.
type selection struct {
	limit int
	names []string
	full  bool   // some name was left out
	bound string // once full: the largest name that may matter
}

func (s *selection) add(name string) {
	if s.full && name > s.bound {
		return
	}
	s.names = append(s.names, name)
	if len(s.names) == 2*s.limit {
		s.cut()
	}
}

// cut puts the names in order and drops those past the limit.
func (s *selection) cut() {
	slices.Sort(s.names)
	s.names = slices.Compact(s.names) // a file replaced meanwhile may be met twice
	if len(s.names) > s.limit {
		s.names = s.names[:s.limit]
		s.full = true
		s.bound = s.names[s.limit-1]
	}
}

// stat reads the sizes. It leaves out files that were removed, and entries that are not regular
// files.
func (c *Container) stat(names []string) (blob.Page, error) {
	page := blob.Page{Blobs: make([]blob.Info, 0, len(names))}
	var st unix.Stat_t
	for _, name := range names {
		err := retry(func() error { return unix.Fstatat(c.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
		if err == unix.ENOENT {
			continue
		}
		if err != nil {
			return blob.Page{}, err
		}
		if st.Mode&unix.S_IFMT == unix.S_IFREG {
			page.Blobs = append(page.Blobs, blob.Info{Name: name, Size: st.Size})
		}
	}
	return page, nil
}
