package deepdir

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// Names is the maximum number of names in a piece of a path.
	Names = 64
	// Kept is how many descriptors an Opener keeps open.
	Kept = 6
	// Renewed is the number of paths after which an Opener closes all kept directories.
	Renewed = 1024
)

// An Opener keeps directories open below Root. Its methods may be called from several goroutines.
type Opener struct {
	Root int // descriptor of the directory that all paths start from
	// Open opens the directory names, a piece of up to Names names, below the directory dir. path
	// is the same directory's path below Root. An error refuses all paths through this directory.
	Open func(dir int, names, path string) (fd int, err error)

	mu    sync.Mutex
	kept  []*directory // in the order of their last use
	paths int          // since the last Forget
}

// A directory is open below Root.
type directory struct {
	path  string
	fd    int
	users int // an Opener that keeps it is one
}

// Near calls use with a directory above path and the rest of path, a piece of up to Names names
// that is shorter than PATH_MAX. If a name is missing below a kept directory, the directory may
// have been moved: then Near starts at the root again. path has no slash at its start or end.
func (o *Opener) Near(path string, use func(dir int, rest string) error) error {
	d := o.nearest(path)
	err := o.from(d, path, use)
	if d.path != "" && (errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESTALE)) {
		o.Forget()
		return o.from(o.nearest(path), path, use)
	}
	return err
}

// from opens path from d on, which it releases.
func (o *Opener) from(d *directory, path string, use func(dir int, rest string) error) error {
	for {
		names, more := split(d.below(path))
		if !more {
			defer o.release(d)
			return use(d.fd, names)
		}
		next := path[:len(path)-len(d.below(path))+len(names)]
		fd, err := o.Open(d.fd, names, next)
		o.release(d)
		if err != nil {
			return err
		}
		d = o.keep(next, fd)
	}
}

// below is the rest of a path through d.
func (d *directory) below(path string) string {
	return strings.TrimPrefix(path[len(d.path):], "/")
}

// split returns the first piece of path, and whether more follows.
func split(path string) (names string, more bool) {
	cut := -1 // the slash after the piece
	for range Names {
		end := len(path)
		if length := strings.IndexByte(path[cut+1:], '/'); length >= 0 {
			end = cut + 1 + length
		}
		if end >= unix.PathMax && cut >= 0 {
			break
		}
		if end == len(path) {
			return path, false
		}
		cut = end
	}
	return path[:cut], true
}

// nearest returns the lowest open directory above path, with one more user.
func (o *Opener) nearest(path string) *directory {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.paths++; o.paths > Renewed {
		o.forget()
	}
	best := -1
	for i, d := range o.kept {
		if strings.HasPrefix(path, d.path) && path[len(d.path):] != "" && path[len(d.path)] == '/' &&
			(best < 0 || len(d.path) > len(o.kept[best].path)) {
			best = i
		}
	}
	if best < 0 {
		return &directory{fd: o.Root, users: 2} // it is not closed here
	}
	d := o.kept[best]
	o.kept = append(slices.Delete(o.kept, best, best+1), d)
	d.users++
	return d
}

// keep keeps a directory open that one user has, and evicts another one for it.
func (o *Opener) keep(path string, fd int) *directory {
	o.mu.Lock()
	defer o.mu.Unlock()
	d := &directory{path: path, fd: fd, users: 2}
	o.kept = append(o.kept, d)
	if len(o.kept) > Kept {
		o.kept[0].drop()
		o.kept = slices.Delete(o.kept, 0, 1)
	}
	return d
}

// Forget closes the kept directories. The next path is opened from the root.
func (o *Opener) Forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forget()
}

func (o *Opener) forget() {
	for _, d := range o.kept {
		d.drop()
	}
	o.kept, o.paths = nil, 0
}

func (o *Opener) release(d *directory) {
	o.mu.Lock()
	defer o.mu.Unlock()
	d.drop()
}

func (d *directory) drop() {
	if d.users--; d.users == 0 {
		unix.Close(d.fd)
	}
}
