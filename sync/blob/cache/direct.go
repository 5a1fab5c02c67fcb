package cache

import (
	"errors"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Large entries bypass the page cache: the kernel already keeps the contents as pages of the mount,
// and a second copy would cost memory and time.

const (
	// block is the unit of offsets, lengths and addresses of direct transfers.
	block = 4096
	// direct is the minimum size of an entry that bypasses the page cache. Smaller ones are written
	// faster with it.
	direct = 256 << 10
)

// aligned is a buffer for direct transfers.
func aligned(size int64) []byte {
	raw := make([]byte, size+block)
	skip := (block - misalignment(raw)) % block
	return raw[skip : int64(skip)+size : int64(skip)+size]
}

func misalignment(data []byte) int {
	return int(uintptr(unsafe.Pointer(unsafe.SliceData(data))) % block)
}

// openEntry opens an entry for reading. A large entry bypasses the page cache, if the file system
// can do that.
func openEntry(path string) (*os.File, os.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	if info.Size() >= direct {
		setDirect(f, true)
	}
	return f, info, nil
}

// setDirect switches direct transfers on or off, and reports whether that works.
func setDirect(f *os.File, on bool) bool {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return false
	}
	if flags &^= unix.O_DIRECT; on {
		flags |= unix.O_DIRECT
	}
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags)
	return err == nil
}

// writeEntry writes data and its trailer, which ends at the end of a block.
func writeEntry(f *os.File, data, rest []byte) error {
	if n := len(data) &^ (block - 1); n >= direct && misalignment(data) == 0 && setDirect(f, true) {
		written, err := f.Write(data[:n])
		if err != nil && !errors.Is(err, unix.EINVAL) {
			return err
		}
		data = data[written:]
		setDirect(f, false)
	}
	for _, part := range [][]byte{data, rest} {
		if _, err := f.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// readFull is io.ReadFull for buffers of whole blocks. If a file system refuses a direct transfer,
// it retries without.
func readFull(f *os.File, data []byte) error {
	n, err := io.ReadFull(f, data)
	if errors.Is(err, unix.EINVAL) && setDirect(f, false) {
		_, err = io.ReadFull(f, data[n:])
	}
	return err
}
