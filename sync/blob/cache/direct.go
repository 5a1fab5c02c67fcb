package cache

import (
	"errors"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Large entries go past the page cache: the kernel keeps what a mount shows as pages of the mount
// already, and a second copy would cost memory and the time to make it.

const (
	// block is what offsets, lengths and addresses of such transfers are multiples of.
	block = 4096
	// direct is how large an entry is that goes past the page cache. Smaller ones are
	// written faster with it.
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

// openEntry opens an entry to be read, past the page cache if it is large and the file
// system can do that.
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

// setDirect switches to transfers past the page cache, or back. It reports whether that
// works.
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

// writeEntry writes data and what follows it, which ends at the end of a block.
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

// readFull is io.ReadFull for buffers of whole blocks. A file system that refuses a direct
// transfer is asked again without.
func readFull(f *os.File, data []byte) error {
	n, err := io.ReadFull(f, data)
	if errors.Is(err, unix.EINVAL) && setDirect(f, false) {
		_, err = io.ReadFull(f, data[n:])
	}
	return err
}
