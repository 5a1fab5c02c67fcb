package export

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// A draft is an unfinished file or directory. It is in a temporary directory, so nobody else can
// reach it, and all its attributes are set through its descriptor. It gets its final name last.
type draft struct {
	fd        int // of a regular file: for writing; of anything else: O_PATH; -1: closed
	temp      *tempDir
	name      string // in temp, "" once it has its final name
	directory bool
}

// create makes an empty regular file.
func (t *tempDir) create() (*draft, error) {
	return t.open(&draft{temp: t, name: t.draftName()}, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
}

// construct makes another type of file, with a function that makes it under a name in the given
// directory.
func (t *tempDir) construct(build func(dir int, name string) error) (*draft, error) {
	d := &draft{temp: t, name: t.draftName()}
	if err := build(t.fd, d.name); err != nil {
		return nil, err
	}
	return t.open(d, unix.O_PATH)
}

// mkdir makes a directory that only its owner may enter, until its attributes are set at the end.
func (t *tempDir) mkdir() (*draft, error) {
	d := &draft{temp: t, name: t.draftName(), directory: true}
	if err := unix.Mkdirat(t.fd, d.name, 0o700); err != nil {
		return nil, err
	}
	return t.open(d, unix.O_PATH)
}

func (t *tempDir) draftName() string {
	return draftPrefix + strconv.FormatInt(t.drafts.Add(1), 10)
}

func (t *tempDir) open(d *draft, flags int) (_ *draft, err error) {
	if d.fd, err = openAt(t.fd, d.name, flags|unix.O_NOFOLLOW); err != nil {
		d.discard()
		return nil, err
	}
	return d, nil
}

// settle gives the finished draft its name in f, the folder of its temporary directory. Unless
// replace is set, an existing file of that name stays and the error is ErrInTheWay.
func (d *draft) settle(f *folder, name string, replace bool) error {
	if err := checkName(name); err != nil {
		return err
	}
	rename := d.renameNew
	if replace {
		rename = d.rename
	}
	err := rename(f, name)
	switch err {
	case nil:
		d.name = ""
	case unix.EEXIST:
		return ErrInTheWay
	case unix.EISDIR:
		return errDirectoryInTheWay
	}
	return err
}

// rename may replace a file, or an empty directory by a directory.
func (d *draft) rename(f *folder, name string) error {
	return unix.Renameat(d.temp.fd, d.name, f.fd, name)
}

func (d *draft) renameNew(f *folder, name string) error {
	err := unix.Renameat2(d.temp.fd, d.name, f.fd, name, unix.RENAME_NOREPLACE)
	if err != unix.EINVAL && err != unix.ENOSYS {
		return err
	}
	if d.directory {
		return d.rename(f, name)
	}
	// A file system without that call: a link fails if the name exists.
	if err := unix.Linkat(d.temp.fd, d.name, f.fd, name, 0); err != nil {
		return err
	}
	return unix.Unlinkat(d.temp.fd, d.name, 0)
}

// close closes the descriptor. The error may be about written data.
func (d *draft) close() error {
	fd := d.fd
	d.fd = -1
	if fd < 0 {
		return nil
	}
	return unix.Close(fd)
}

// discard closes the draft, and removes it if it has no final name.
func (d *draft) discard() {
	_ = d.close()
	if d.name != "" {
		_ = removeAny(d.temp.fd, d.name)
	}
}
