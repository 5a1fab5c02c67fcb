package export

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links the way to the destination may have, as in the kernel.
const maxLinks = 40

// openDestination opens the directory path. It creates it and its parents if they are missing, with
// the permissions mode. For root it follows only symbolic links that belong to root: any other user
// could redirect the export to another directory.
func openDestination(path string, mode uint32) (fd int, err error) {
	w := way{dir: -1}
	defer w.close()
	if err := w.start(path); err != nil {
		return -1, fmt.Errorf("open destination %s: %w", path, err)
	}
	for len(w.names) > 0 {
		if err := w.step(mode); err != nil {
			return -1, fmt.Errorf("open destination %s: %w", path, err)
		}
	}
	if fd, err = openAt(w.dir, ".", openFlags); err != nil {
		return -1, fmt.Errorf("open destination %s: %w", path, err)
	}
	return fd, nil
}

// A way is the rest of the path to the destination.
type way struct {
	dir   int // the directory where it continues
	names []string
	links int
}

func (w *way) close() {
	if w.dir >= 0 {
		unix.Close(w.dir)
	}
}

func (w *way) move(fd int) {
	w.close()
	w.dir = fd
}

// start puts path before the remaining names.
func (w *way) start(path string) error {
	if path == "" {
		return unix.ENOENT
	}
	names := slices.DeleteFunc(strings.Split(path, "/"), func(name string) bool { return name == "" || name == "." })
	w.names = slices.Concat(names, w.names)
	from := "."
	if strings.HasPrefix(path, "/") {
		from = "/"
	} else if w.dir >= 0 {
		return nil
	}
	fd, err := openAt(unix.AT_FDCWD, from, unix.O_PATH|unix.O_DIRECTORY)
	if err == nil {
		w.move(fd)
	}
	return err
}

func (w *way) step(mode uint32) error {
	name := w.names[0]
	w.names = w.names[1:]
	if len(w.names) > 0 {
		mode = 0o777
	}
	fd, err := openAt(w.dir, name, unix.O_PATH|unix.O_NOFOLLOW)
	if err == unix.ENOENT {
		if err = unix.Mkdirat(w.dir, name, mode); err == nil || err == unix.EEXIST {
			fd, err = openAt(w.dir, name, unix.O_PATH|unix.O_NOFOLLOW)
		}
	}
	if err != nil {
		return err
	}
	st, err := statAt(fd, "")
	if err != nil || st.kind() != unix.S_IFLNK {
		w.move(fd)
		return err
	}
	defer unix.Close(fd)
	return w.follow(fd, name, &st)
}

func (w *way) follow(fd int, name string, st *status) error {
	if os.Geteuid() == 0 && st.Uid != 0 {
		return fmt.Errorf("the symbolic link %q belongs to user %d, and root does not follow it: name its target directory", name, st.Uid)
	}
	if w.links++; w.links > maxLinks {
		return unix.ELOOP
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", target)
	if err != nil {
		return err
	}
	return w.start(string(target[:n]))
}
