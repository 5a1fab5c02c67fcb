package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OpenReadOnly opens the journal of a directory to look at it. It changes nothing in dir,
// which may be on a file system that is read-only. A process that wants to write waits until
// the journal is closed. Methods that write return ErrReadOnly. Errors: ErrMissing,
// ErrLocked, ErrVersion, ErrDamaged, and those of the client.
func OpenReadOnly(dir string, format Format, client Client) (*File, error) {
	if err := mustExist(dir); err != nil {
		return nil, err
	}
	f := &File{dir: dir, format: format, client: client}
	if err := f.openToRead(); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal in %s: %w", dir, Classify(err)), f.Close())
	}
	return f, nil
}

// openToRead opens the connections that read.
func (f *File) openToRead() error {
	path := filepath.Join(f.dir, journalName)
	var err error
	if f.lock, err = shareDatabase(f.dir); err != nil {
		return err
	}
	options, err := f.check(path)
	if err != nil {
		return err
	}
	return f.openPool(fmt.Sprintf("%s?_cache_size=-%d&_query_only=true&%s", fileURI(path), readerCacheKiB, options))
}

// readOptions are those of connections that need neither locks nor any other file than
// those that are there. Without a log the database has everything. The index of a
// log that is there is made in memory.
func readOptions(path string) (string, error) {
	log, err := os.Stat(path + "-wal")
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "immutable=1", nil
	case err != nil:
		return "", err
	case log.Size() == 0:
		return "immutable=1", nil
	}
	return "mode=ro&vfs=unix-none&_locking_mode=EXCLUSIVE", nil
}

// sqlite's locks are on these bytes of a database: sqlite.org/fileformat2.html, section
// 1.3.
const (
	sharedFirst = 1<<30 + 2
	sharedSize  = 510
)

// shareDatabase takes the lock that sqlite takes to read. A process that writes has the
// exclusive one from its start to its end, and waits for this one before.
func shareDatabase(dir string) (*lockFile, error) {
	f, err := os.Open(filepath.Join(dir, journalName))
	if err != nil {
		return nil, err
	}
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: unix.SEEK_SET, Start: sharedFirst, Len: sharedSize}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		err = fmt.Errorf("%w%s", ErrLocked, lockOwner(filepath.Join(dir, lockName)))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &lockFile{f: f}, nil
}

// CopyTo copies the files of a journal that is open to be read into the directory dir, which is made.
func (f *File) CopyTo(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, name := range []string{journalName, journalName + "-wal", redoName, logEndName} {
		err := copyFile(filepath.Join(f.dir, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("copy journal of %s: %w", f.dir, Classify(err))
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
