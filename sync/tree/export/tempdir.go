package export

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A tempDir is a directory inside of a folder that belongs only to this run: nobody but the
// exporting user can enter it. A file made in it keeps its name and inherits no access list,
// whoever owns the folder.
type tempDir struct {
	folder int // the folder's descriptor
	fd     int
	name   string // in the folder
	id     identity
	uid    uint32 // the owner of files that this user makes
	drafts atomic.Int64
}

// draftPrefix begins the names in a tempDir.
const draftPrefix = "draft-"

// errNotOurs: the entry with the name of a temporary directory does not belong to this run.
var errNotOurs = errors.New("it belongs to another user or another export")

// tempName is the name of a folder's temporary directory: the same in every run, so that a run
// finds the leftovers of a killed one. A copy of such a leftover has another name than the copied
// folder's own.
func tempName(ino int64) string { return fmt.Sprintf(".clfsload-%016X.part", uint64(ino)) }

// temporary returns the temporary directory of f and makes it if it is missing.
func (f *folder) temporary() (*tempDir, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.temp != nil {
		return f.temp, nil
	}
	st, err := statAt(f.fd, "")
	if err != nil {
		return nil, err
	}
	name := tempName(st.identity().ino)
	for range 100 {
		t, err := openTempDir(f.fd, name)
		if err == nil {
			f.temp = t
			return t, nil
		}
		if !errors.Is(err, errNotOurs) {
			return nil, err
		}
		name = tempName(rand.Int64())
	}
	return nil, fmt.Errorf("make temporary directory %s: %w", name, errNotOurs)
}

// openTempDir makes the directory name, or takes over one that a killed run left.
func openTempDir(folder int, name string) (*tempDir, error) {
	made := unix.Mkdirat(folder, name, 0o700)
	if made != nil && made != unix.EEXIST {
		return nil, fmt.Errorf("make temporary directory: %w", made)
	}
	fd, err := openAt(folder, name, openFlags)
	if err != nil {
		return nil, fmt.Errorf("open temporary directory %s: %w, %w", name, err, errNotOurs)
	}
	t := &tempDir{folder: folder, fd: fd, name: name}
	if err = t.claim(); err == nil && made == unix.EEXIST {
		err = t.clear()
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return t, nil
}

// claim ensures that only this user and this run can change the contents of t.
func (t *tempDir) claim() error {
	// A file system without locks does not detect two exports into one directory.
	if err := unix.Flock(t.fd, unix.LOCK_EX|unix.LOCK_NB); err == unix.EWOULDBLOCK {
		return errNotOurs
	}
	st, err := statAt(t.fd, "")
	if err != nil {
		return err
	}
	t.id, t.uid = st.identity(), st.Uid
	if st.Nlink == 0 || st.permissions()&0o777 != 0o700 {
		return errNotOurs
	}
	// The folder's owner may have set that new files in the folder let others in, as soon as their
	// mode does.
	_ = unix.Removexattr(fdPath(t.fd), "system.posix_acl_default")
	if st.Uid == uint32(os.Geteuid()) {
		return nil
	}
	return t.probe()
}

// probe accepts a file system that gives all files to an owner of its choice.
func (t *tempDir) probe() error {
	d, err := t.create()
	if err != nil {
		return errNotOurs
	}
	defer d.discard()
	if st, err := statAt(d.fd, ""); err != nil || st.Uid != t.uid {
		return errNotOurs
	}
	return nil
}

// clear removes the leftovers of a killed run. A directory with other contents is not one of them,
// and keeps them.
func (t *tempDir) clear() error {
	fd, err := openAt(t.fd, ".", openFlags)
	if err != nil {
		return err
	}
	directory := os.NewFile(uintptr(fd), t.name)
	defer directory.Close()
	names, err := directory.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, draftPrefix) {
			if err := removeAny(t.fd, name); err != nil {
				return fmt.Errorf("clear temporary directory %s: %w", t.name, err)
			}
		}
	}
	return nil
}

// removeAny removes a file or an empty directory.
func removeAny(dir int, name string) error {
	err := unix.Unlinkat(dir, name, 0)
	if err == unix.EISDIR {
		err = unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
	}
	return err
}

// remove removes the directory. If somebody has moved it, the error wraps errReplaced.
func (t *tempDir) remove() error {
	defer unix.Close(t.fd)
	st, err := statAt(t.folder, t.name)
	if err == nil && st.identity() == t.id {
		err = unix.Unlinkat(t.folder, t.name, unix.AT_REMOVEDIR)
	} else if err == nil || err == unix.ENOENT {
		err = errReplaced
	}
	if err != nil {
		return fmt.Errorf("remove temporary directory %s: %w", t.name, err)
	}
	return nil
}

// closeTemp removes the temporary directory, if there is one.
func (f *folder) closeTemp() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.temp == nil {
		return nil
	}
	t := f.temp
	f.temp = nil
	return t.remove()
}

// sweep removes the temporary directory of this run or of one that was killed.
func (f *folder) sweep() error {
	if f.temp == nil {
		st, err := statAt(f.fd, "")
		if err != nil {
			return err
		}
		err = unix.Unlinkat(f.fd, tempName(st.identity().ino), unix.AT_REMOVEDIR)
		if err != unix.ENOTEMPTY && err != unix.EEXIST {
			return nil // there is none, or it is not a leftover
		}
		if _, err := f.temporary(); err != nil {
			return err
		}
	}
	return f.closeTemp()
}
