package warm

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"clfsload/sync/deepdir"
	"clfsload/sync/progress"
)

const (
	warmWalkers = 16      // directories that are read at a time, each with those above it open
	warmBatch   = 1024    // entries that are taken from a directory at a time
	warmRead    = 1 << 20 // bytes that are read at a time
	warmKept    = 8 << 20 // bytes of a file that stay in the system's page cache while it is read
	warmTries   = 3       // for a file that a publication replaces while it is read
)

// Warmer reads files of a mount. It holds no list: directories are read while their files are.
type Warmer struct {
	root   *os.File
	device uint64
	above  deepdir.Opener
	failed func(path string, err error)

	walkers chan struct{} // one for each directory that is read beside another one
	walking sync.WaitGroup
	files   chan string

	Counts counts
}

// counts are what was done so far.
type counts struct {
	found, Files, Directories, Others, Gone, Failures, Bytes atomic.Int64
	walked                                                   atomic.Bool // found and directories are final
}

// New makes a warmer of the directory of a mount that is open as root. failed is called by many
// goroutines.
func New(root *os.File, failed func(path string, err error)) (*Warmer, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(root.Fd()), &st); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: root.Name(), Err: err}
	}
	w := &Warmer{root: root, device: st.Dev, failed: failed, walkers: make(chan struct{}, warmWalkers), files: make(chan string, warmBatch)}
	w.above = deepdir.Opener{Root: int(root.Fd()), Open: func(dir int, names, _ string) (int, error) {
		return openNoFollow(dir, names, unix.O_DIRECTORY)
	}}
	return w, nil
}

// Run reads what is below the paths, with a number of readers, until ctx ends.
func (w *Warmer) Run(ctx context.Context, paths []string, readers int) {
	var reading sync.WaitGroup
	for range readers {
		reading.Go(func() { w.readFiles(ctx) })
	}
	for _, p := range paths {
		w.start(ctx, p)
	}
	w.walking.Wait()
	w.Counts.walked.Store(true)
	close(w.files)
	reading.Wait()
	w.above.Forget()
}

func (w *Warmer) fail(path string, err error) {
	w.Counts.Failures.Add(1)
	w.failed(path, err)
}

// start begins with a path that the user has named.
func (w *Warmer) start(ctx context.Context, p string) {
	if p == "" {
		p = "." // the root itself
	}
	var st unix.Stat_t
	err := w.above.Near(p, func(dir int, rest string) error { return unix.Fstatat(dir, rest, &st, unix.AT_SYMLINK_NOFOLLOW) })
	switch {
	case err != nil:
		w.fail(p, err)
	case st.Dev != w.device:
		w.fail(p, errForeign)
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		w.enter(ctx, p)
	case st.Mode&unix.S_IFMT == unix.S_IFREG:
		w.offer(ctx, p)
	default:
		w.Counts.Others.Add(1)
	}
}

// enter reads a directory, beside others if there is a walker for it.
func (w *Warmer) enter(ctx context.Context, p string) {
	select {
	case w.walkers <- struct{}{}:
		w.walking.Go(func() {
			defer func() { <-w.walkers }()
			w.directory(ctx, p)
		})
	default:
		w.directory(ctx, p)
	}
}

func (w *Warmer) directory(ctx context.Context, p string) {
	d, err := w.open(p, unix.O_DIRECTORY)
	if err != nil {
		w.missed(p, err)
		return
	}
	defer d.Close()
	w.Counts.Directories.Add(1)
	for ctx.Err() == nil {
		entries, err := d.ReadDir(warmBatch)
		for _, e := range entries {
			w.entry(ctx, path.Join(p, e.Name()), e.Type())
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			w.fail(p, err)
			return
		}
	}
}

func (w *Warmer) entry(ctx context.Context, p string, t fs.FileMode) {
	switch {
	case ctx.Err() != nil:
	case t.IsDir():
		w.enter(ctx, p)
	case t.IsRegular():
		w.offer(ctx, p)
	default:
		w.Counts.Others.Add(1)
	}
}

// offer hands a file to a reader.
func (w *Warmer) offer(ctx context.Context, p string) {
	select {
	case w.files <- p:
		w.Counts.found.Add(1)
	case <-ctx.Done():
	}
}

// errForeign: another file system is mounted inside of the mount.
var errForeign = errors.New("something else is mounted there")

// missed notes what cannot be opened. What is gone since it was listed is no failure.
func (w *Warmer) missed(p string, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESTALE):
		w.Counts.Gone.Add(1)
	case errors.Is(err, errForeign):
		w.Counts.Others.Add(1)
	default:
		w.fail(p, err)
	}
}

func (w *Warmer) readFiles(ctx context.Context) {
	buf := make([]byte, warmRead)
	for p := range w.files {
		if ctx.Err() == nil {
			w.file(ctx, p, buf)
		}
	}
}

// file reads a file to its end.
func (w *Warmer) file(ctx context.Context, p string, buf []byte) {
	err := error(unix.ESTALE)
	for try := 0; try < warmTries && errors.Is(err, unix.ESTALE); try++ {
		var f *os.File
		if f, err = w.open(p, 0); err != nil {
			break
		}
		err = w.read(ctx, f, buf)
		_ = f.Close()
	}
	switch {
	case err == nil:
		w.Counts.Files.Add(1)
	case ctx.Err() == nil:
		w.missed(p, err)
	}
}

// read reads a file that is open. The system's page cache must give up what it has of the file, so that
// the mount is asked, and must not fill with it. (Of reads with O_DIRECT the kernel waits for an answer
// even when the process is killed.)
func (w *Warmer) read(ctx context.Context, f *os.File, buf []byte) error {
	drop := func() error { return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }
	if err := drop(); err != nil {
		return err
	}
	for kept := 0; ctx.Err() == nil; {
		n, err := f.Read(buf)
		w.Counts.Bytes.Add(int64(n))
		if errors.Is(err, io.EOF) {
			return drop()
		}
		if err != nil {
			return err
		}
		if kept += n; kept > warmKept {
			kept = 0
			if err := drop(); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// open opens a file or directory in the mount.
func (w *Warmer) open(p string, flags int) (f *os.File, err error) {
	err = w.above.Near(p, func(dir int, rest string) error {
		fd, err := openNoFollow(dir, rest, flags)
		if err == nil {
			f = os.NewFile(uintptr(fd), p)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(int(f.Fd()), &st); err == nil && st.Dev != w.device {
		err = errForeign
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func openNoFollow(dir int, names string, flags int) (fd int, err error) {
	for {
		fd, err = unix.Openat(dir, names, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK|flags, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// Sample is how far it has come.
func (w *Warmer) Sample() progress.Sample {
	c := &w.Counts
	bytes := c.Bytes.Load()
	return progress.Sample{Done: c.Files.Load() + c.Gone.Load(), Found: c.found.Load(), Bytes: bytes, Total: bytes, Moved: bytes,
		Failures: c.Failures.Load(), Listed: c.walked.Load()}
}
