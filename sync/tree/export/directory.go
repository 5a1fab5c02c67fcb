package export

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// makeDirectory makes a directory, or uses an existing one.
func (x *Exporter) makeDirectory(f *folder, e entry) error {
	fd, st, err := f.look(e.name)
	if err == nil && !st.isDir() {
		unix.Close(fd)
		err = x.clearWay(f, e.name)
	}
	found := err == nil
	if err == unix.ENOENT {
		fd, st, err = f.mkdir(e.name)
	}
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer unix.Close(fd)
	if !found {
		return x.note(e.target, st.identity(), e.node.Payload)
	}
	return x.adopt(fd, &st, e)
}

// adopt continues with an existing directory.
func (x *Exporter) adopt(fd int, st *status, e entry) error {
	if err := x.rights.narrow(fd, st, e.node.Inode.Attr); err != nil {
		return fmt.Errorf("use directory: %w", err)
	}
	// An overlay file system may give it another time of birth when it is first changed.
	id := st.identity()
	id.birth = 0
	return x.note(e.target, id, e.node.Payload)
}

// clearWay removes a file that has a directory's name, if files may be replaced. It then returns
// ENOENT.
func (x *Exporter) clearWay(f *folder, name string) error {
	if !x.options.Overwrite {
		return ErrInTheWay
	}
	if err := f.remove(name); err != nil {
		return err
	}
	return unix.ENOENT
}

// mkdir makes a directory that only its owner may enter. The descriptor is only for status calls.
func (f *folder) mkdir(name string) (fd int, st status, err error) {
	temp, err := f.temporary()
	if err != nil {
		return -1, st, err
	}
	d, err := temp.mkdir()
	if err != nil {
		return -1, st, err
	}
	defer d.discard()
	if st, err = statAt(d.fd, ""); err != nil {
		return -1, st, err
	}
	if err := d.settle(f, name, false); err != nil {
		return -1, st, err
	}
	fd, d.fd = d.fd, -1
	return fd, st, nil
}

// errElsewhere is about a directory that a damaged container has at two places.
var errElsewhere = errors.New("the directory was exported at another place")
