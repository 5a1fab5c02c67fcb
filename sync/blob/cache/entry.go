package cache

import (
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/sync/blob"
)

// An entry is the bytes of a blob, zeros, and a trailer that ends with a block of 4096 bytes:
//
//	 0  4  "clc1"
//	 4  4  1: an MD5 is kept with the blob, 0: none
//	 8 16  the MD5
//	24  8  length of the blob
//	32  4  CRC-32C of the blob and the zeros, of its name, and of the trailer up to here
const (
	trailerBytes = 36
	trailerMagic = "clc1"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errDamaged: the bytes of an entry are not the written ones.
var errDamaged = errors.New("damaged")

// entryBytes is the size of a blob's entry.
func entryBytes(blob int64) int64 { return (blob + trailerBytes + block - 1) &^ (block - 1) }

// restOf is the part of an entry after the blob.
func restOf(o blob.Object) []byte {
	zeros := int(entryBytes(o.Size)-o.Size) - trailerBytes
	rest := make([]byte, zeros, zeros+trailerBytes)
	sum := crc32.Update(crc32.Checksum(o.Data, castagnoli), castagnoli, rest)
	var md5Sum [md5.Size]byte
	kept := uint32(copy(md5Sum[:], o.MD5) / md5.Size)
	rest = append(rest, trailerMagic...)
	rest = binary.LittleEndian.AppendUint32(rest, kept)
	rest = append(rest, md5Sum[:]...)
	rest = binary.LittleEndian.AppendUint64(rest, uint64(o.Size))
	return binary.LittleEndian.AppendUint32(rest, checksum(sum, o.Name, rest[zeros:]))
}

// checksum is that of an entry; sum is the checksum of the part before its trailer.
func checksum(sum uint32, name string, trailer []byte) uint32 {
	sum = crc32.Update(sum, castagnoli, []byte(name))
	return crc32.Update(sum, castagnoli, trailer)
}

// decodeEntry returns the blob in an entry, whose bytes it aliases. sum is the checksum of the part
// before its trailer.
func decodeEntry(name string, raw []byte, sum uint32) (blob.Object, error) {
	trailer := raw[len(raw)-trailerBytes:]
	n := int64(binary.LittleEndian.Uint64(trailer[24:]))
	want := binary.LittleEndian.Uint32(trailer[32:])
	if string(trailer[:4]) != trailerMagic || want != checksum(sum, name, trailer[:32]) || n < 0 || entryBytes(n) != int64(len(raw)) {
		return blob.Object{}, fmt.Errorf("%w: the checksum does not match", errDamaged)
	}
	o := blob.Object{Info: blob.Info{Name: name, Size: n}, Data: raw[:n:n]}
	if binary.LittleEndian.Uint32(trailer[4:]) == 1 {
		o.MD5, o.Checked = append([]byte(nil), trailer[8:24]...), true
	}
	return o, nil
}

// recency is the precision of an entry's last use.
const recency = time.Minute

// temporary begins the names of entries that are being written. No blob's name begins so.
const temporary = ".new-"

// load returns the blob of an entry; found: there is an undamaged one.
func (d *Dir) load(path, name string) (o blob.Object, found bool) {
	o, used, err := readEntry(path, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return o, false
	case errors.Is(err, errDamaged):
		_ = os.Remove(path)
		if d.options.Damaged != nil {
			d.options.Damaged(path, err)
		}
		return o, false
	case err != nil:
		d.failed(fmt.Errorf("read cache: %w", err))
		return o, false
	}
	if now := d.now(); now.Sub(used) > recency {
		_ = os.Chtimes(path, now, now) // it may be evicted at this moment
	}
	return o, true
}

// piece is how much of an entry is read before its checksum is computed: the processor's cache
// still has it then.
const piece = 512 << 10

func readEntry(path, name string) (o blob.Object, used time.Time, err error) {
	f, info, err := openEntry(path)
	if err != nil {
		return o, used, err
	}
	defer f.Close()
	if size := info.Size(); size == 0 || size%block != 0 || size > entryBytes(blob.MaxWhole) {
		return o, used, fmt.Errorf("%w: %d bytes, a size that no entry has", errDamaged, size)
	}
	raw := aligned(info.Size())
	sum, err := readSummed(f, raw)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: shorter than its recorded length", errDamaged)
	}
	if err == nil {
		o, err = decodeEntry(name, raw, sum)
	}
	return o, info.ModTime(), err
}

// readSummed fills raw with an entry and returns the checksum of the part before its trailer.
func readSummed(f *os.File, raw []byte) (sum uint32, err error) {
	for at := 0; at < len(raw); at += piece {
		part := raw[at:min(at+piece, len(raw))]
		if err := readFull(f, part); err != nil {
			return 0, err
		}
		sum = crc32.Update(sum, castagnoli, part[:min(len(part), len(raw)-trailerBytes-at)])
	}
	return sum, nil
}

// store writes an entry under a temporary name, and calls commit to rename it.
func (d *Dir) store(path string, o blob.Object, commit func(temporary string) error) {
	if !d.hasRoom() {
		return
	}
	err := d.write(path, o, commit)
	switch {
	case err == nil:
		d.failing.Store(false)
		d.grew(entryBytes(o.Size))
		return
	case errors.Is(err, errStale):
		return
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		d.filled()
	}
	d.failed(fmt.Errorf("write cache: %w", err))
}

func (d *Dir) write(path string, o blob.Object, commit func(temporary string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, temporary)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(dir, 0o700); err == nil {
			f, err = os.CreateTemp(dir, temporary)
		}
	}
	if err != nil {
		return err
	}
	err = writeEntry(f, o.Data, restOf(o))
	now := d.now()
	if err = errors.Join(err, f.Close(), os.Chtimes(f.Name(), now, now)); err == nil {
		err = commit(f.Name())
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// remove removes an entry, durably. A missing entry is not an error.
func remove(path string) error {
	err := os.Remove(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir, err := os.Open(filepath.Dir(path)) // also for an evicted entry, whose removal is not durable
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// isTemporary reports whether a file is an entry that is being written.
func isTemporary(name string) bool { return strings.HasPrefix(name, temporary) }
