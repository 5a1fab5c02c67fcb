package export

import (
	"bytes"
	"context"
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"clfsload/sync/tree"
)

// DamagedSuffix is appended to the name of a file if a part of it could not be read. The lost part
// is a hole.
const DamagedSuffix = ".clfsload-damaged"

// holeBytes is the shortest run of zeros, at a multiple of it, that becomes a
// hole: a page, which is what file systems allocate.
const holeBytes = 4096

var zeroPage [holeBytes]byte

// writeFile writes a regular file's contents to a draft, and returns the final name of the file.
func (x *Exporter) writeFile(ctx context.Context, temp *tempDir, e entry) (d *draft, name string, err error) {
	size := e.node.Inode.Attr.Size
	if size > math.MaxInt64 {
		return nil, "", fmt.Errorf("%d bytes are more than a file can have", size)
	}
	if d, err = temp.create(); err != nil {
		return nil, "", fmt.Errorf("create file: %w", err)
	}
	if name, err = x.writeContents(ctx, d.fd, e); err != nil {
		d.discard()
		return nil, "", err
	}
	return d, name, nil
}

func (x *Exporter) writeContents(ctx context.Context, fd int, e entry) (name string, err error) {
	size := e.node.Inode.Attr.Size
	name = e.name
	for r, err := range x.t.Runs(ctx, e.node, 0, size) {
		if err != nil {
			if isFatal(err) || !x.options.KeepGoing {
				return "", fmt.Errorf("read at %d: %w", r.Offset, err)
			}
			name = x.lostRun(e, name, r, err)
			continue
		}
		if err := x.writeRun(fd, r.Offset, r.Data); err != nil {
			return "", fmt.Errorf("write at %d: %w", r.Offset, err)
		}
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return "", fmt.Errorf("set size: %w", err)
	}
	return name, nil
}

// lostRun reports an unreadable stretch of a file, and returns the file's name in that case.
func (x *Exporter) lostRun(e entry, name string, r tree.Run, err error) string {
	if r.Lost == 0 {
		x.fail(e.path, err)
		return name
	}
	x.fail(e.path, fmt.Errorf("%d bytes from offset %d are lost: %w", r.Lost, r.Offset, err))
	return e.name + DamagedSuffix
}

// writeRun writes everything except zeros.
func (x *Exporter) writeRun(fd int, offset uint64, data []byte) error {
	for len(data) > 0 {
		zeros := zeroPages(data, offset)
		offset += uint64(zeros)
		data = data[zeros:]
		n := dataPages(data, offset)
		if err := writeAll(fd, offset, data[:n]); err != nil {
			return err
		}
		x.bytes.Add(int64(n))
		offset += uint64(n)
		data = data[n:]
	}
	return nil
}

// pageStep is the number of bytes up to the next page of the file.
func pageStep(offset uint64, n int) int {
	return min(int(holeBytes-offset%holeBytes), n)
}

// zeroPages is the number of zero bytes at the start of data, up to the end of a page or of the
// data.
func zeroPages(data []byte, offset uint64) (n int) {
	for n < len(data) {
		step := pageStep(offset+uint64(n), len(data)-n)
		if !bytes.Equal(data[n:n+step], zeroPage[:step]) {
			return n
		}
		n += step
	}
	return n
}

// dataPages is the number of bytes at the start of data, in pages that are not all zero.
func dataPages(data []byte, offset uint64) (n int) {
	for n < len(data) {
		step := pageStep(offset+uint64(n), len(data)-n)
		if step == holeBytes && bytes.Equal(data[n:n+step], zeroPage[:]) {
			return n
		}
		n += step
	}
	return n
}

func writeAll(fd int, offset uint64, data []byte) error {
	for len(data) > 0 {
		n, err := unix.Pwrite(fd, data, int64(offset))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		data = data[n:]
		offset += uint64(n)
	}
	return nil
}
