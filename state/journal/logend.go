package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// logEndName is the file that says how far the write-ahead log of an open journal
// goes. sqlite takes a log for ended at the first frame that does not match its
// checksum: it cannot tell the end from damage.
const logEndName = "journal.log-end"

// logEnd is how far the log of a journal goes, in bytes. It is noted after each commit
// and may be behind by what was written since.
type logEnd struct {
	boot    string // id of the system's start in which this was noted
	salt    uint64 // of the log; sqlite draws another one when it begins the log anew
	written int64  // the end of the last commit
	synced  int64  // likewise, of the last one that is on the disk
}

// required is how far the log must go: a killed process loses nothing that was
// written, a power cut nothing that was synced.
func (e logEnd) required(boot string) int64 {
	if boot != "" && boot == e.boot {
		return e.written
	}
	return e.synced
}

func (e logEnd) String() string {
	text := fmt.Sprintf("%s %016x %016x %016x ", e.boot, e.salt, e.written, e.synced)
	return fmt.Sprintf("%s%08x\n", text, crc32.Checksum([]byte(text), castagnoli))
}

// readLogEnd returns what is noted. After a power cut the note may be missing or cut
// off: then nothing is known.
func readLogEnd(dir string) (e logEnd, known bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, logEndName))
	if errors.Is(err, os.ErrNotExist) {
		return e, false, nil
	}
	if err != nil {
		return e, false, fmt.Errorf("read end of log: %w", err)
	}
	if _, err := fmt.Sscanf(string(text), "%s %x %x %x", &e.boot, &e.salt, &e.written, &e.synced); err != nil {
		return logEnd{}, false, nil
	}
	return e, e.String() == string(text), nil
}

// bootID identifies this start of the system; "": it is not known.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// checkLog returns ErrDamaged if the write-ahead log of a journal that was not closed
// is damaged before its end, or misses some of it. uninterrupted: the system has not
// been started anew since the journal was open.
func checkLog(dir string) (uninterrupted bool, err error) {
	boot := bootID()
	end, known, err := readLogEnd(dir)
	if err != nil || !known {
		return false, err
	}
	uninterrupted = boot != "" && boot == end.boot
	required := end.required(boot)
	if required == 0 {
		return uninterrupted, nil
	}
	path := filepath.Join(dir, journalName+"-wal")
	log, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return uninterrupted, fmt.Errorf("%w: its write-ahead log %s is missing", ErrDamaged, path)
	}
	if err != nil {
		return uninterrupted, fmt.Errorf("open log of journal: %w", err)
	}
	defer log.Close()
	whole, err := wholeLog(log, end.salt, required)
	if err == nil && whole < required {
		err = fmt.Errorf("%w: its write-ahead log %s is damaged at byte %d of %d", ErrDamaged, path, whole, required)
	}
	return uninterrupted, err
}

// The write-ahead log of sqlite: sqlite.org/fileformat2.html, section 4.1. A header,
//
//	magic u32 | format u32 | page size u32 | checkpoint u32 | salt u64 | checksum 2 u32
//
// then frames: page u32 | pages of the database, of a commit's last frame, else 0, u32
// | salt u64 | checksum 2 u32 | page. All are big-endian. The words that the checksums
// are of are big-endian if the magic is odd.
const (
	walHeader      = 32
	walFrameHeader = 24
	walMagic       = 0x377f0682
	maxPageSize    = 64 << 10
)

// walReader reads the frames of a log from its beginning, like sqlite.
type walReader struct {
	log   io.ReaderAt
	salt  uint64
	at    int64 // what was read is whole up to here
	frame []byte
	order binary.ByteOrder
	sum   [2]uint32
}

// newWALReader reads the header of a log; nil: there is none that is whole.
func newWALReader(log io.ReaderAt) (*walReader, error) {
	var header [walHeader]byte
	if whole, err := readWhole(log, header[:], 0); !whole {
		return nil, err
	}
	magic, pageSize := binary.BigEndian.Uint32(header[:]), binary.BigEndian.Uint32(header[8:])
	r := &walReader{log: log, salt: binary.BigEndian.Uint64(header[16:]), at: walHeader, order: binary.LittleEndian}
	if magic&1 != 0 {
		r.order = binary.BigEndian
	}
	r.add(header[:24])
	if magic&^1 != walMagic || !r.matches(header[24:]) || pageSize == 0 || pageSize > maxPageSize {
		return nil, nil
	}
	r.frame = make([]byte, walFrameHeader+pageSize)
	return r, nil
}

// next reads a frame. It stays before one that is not whole.
func (r *walReader) next() (commit, whole bool, err error) {
	if whole, err = readWhole(r.log, r.frame, r.at); !whole {
		return false, false, err
	}
	before := r.sum
	r.add(r.frame[:8])
	r.add(r.frame[walFrameHeader:])
	if binary.BigEndian.Uint64(r.frame[8:]) != r.salt || !r.matches(r.frame[16:]) {
		r.sum = before
		return false, false, nil
	}
	r.at += int64(len(r.frame))
	return binary.BigEndian.Uint32(r.frame[4:]) != 0, true, nil
}

func (r *walReader) add(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		r.sum[0] += r.order.Uint32(b) + r.sum[1]
		r.sum[1] += r.order.Uint32(b[4:]) + r.sum[0]
	}
}

func (r *walReader) matches(b []byte) bool {
	return r.sum[0] == binary.BigEndian.Uint32(b) && r.sum[1] == binary.BigEndian.Uint32(b[4:])
}

// readWhole fills b. That the file ends before is no error.
func readWhole(r io.ReaderAt, b []byte, at int64) (whole bool, err error) {
	n, err := r.ReadAt(b, at)
	if n == len(b) || err == io.EOF {
		return n == len(b), nil
	}
	return false, fmt.Errorf("read log of journal: %w", err)
}

// wholeLog returns how many bytes of a log are whole, up to the first damage or to
// limit. A log with another salt was begun later: it counts as whole.
func wholeLog(log io.ReaderAt, salt uint64, limit int64) (int64, error) {
	r, err := newWALReader(log)
	switch {
	case err != nil || r == nil:
		return 0, err
	case r.salt != salt:
		return limit, nil
	}
	for r.at < limit {
		if _, whole, err := r.next(); !whole {
			return r.at, err
		}
	}
	return r.at, nil
}

// logTracker notes the end of the log of an open journal.
type logTracker struct {
	dir  string
	log  *os.File
	note *os.File
	read *walReader
	end  logEnd
}

// abandonLog is for a journal that could not be opened, whose log was whole: sqlite may
// take the log away when its connections are closed. All that is noted from then on is
// whether the system was started anew since.
func abandonLog(dir string, uninterrupted bool) error {
	path := filepath.Join(dir, logEndName)
	if uninterrupted {
		return os.WriteFile(path, []byte(logEnd{boot: bootID()}.String()), 0o600)
	}
	err := os.Remove(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// open begins to note the end of a log, with the next commit.
func (t *logTracker) open(dir string, log *os.File) error {
	t.dir, t.log, t.end = dir, log, logEnd{boot: bootID()}
	before, known, err := readLogEnd(dir)
	if err != nil {
		return err
	}
	if t.note, err = os.OpenFile(filepath.Join(dir, logEndName), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return fmt.Errorf("open end of log: %w", err)
	}
	if err := t.follow(); err != nil {
		return err
	}
	if known && before.salt == t.end.salt {
		t.end.synced = before.synced
	}
	return nil
}

// release closes the note, and leaves it as it is.
func (t *logTracker) release() error {
	if t.note == nil {
		return nil
	}
	return t.note.Close()
}

// follow goes on to the end of the last commit. None may be under way.
func (t *logTracker) follow() error {
	var salt [8]byte
	if whole, err := readWhole(t.log, salt[:], 16); !whole {
		return err
	}
	if t.read == nil || binary.BigEndian.Uint64(salt[:]) != t.read.salt {
		r, err := newWALReader(t.log)
		if err != nil || r == nil {
			return err
		}
		t.read, t.end.salt, t.end.written, t.end.synced = r, r.salt, r.at, 0
	}
	sum := t.read.sum
	for {
		commit, whole, err := t.read.next()
		if !whole {
			// Frames of a commit that a kill has cut off are written again.
			t.read.at, t.read.sum = t.end.written, sum
			return err
		}
		if commit {
			t.end.written, sum = t.read.at, t.read.sum
		}
	}
}

// write notes the end. Where that fails nothing is noted any more: a note must never
// say more than is true.
func (t *logTracker) write(err error) {
	if t.note == nil {
		return
	}
	if err == nil {
		_, err = t.note.WriteAt([]byte(t.end.String()), 0)
	}
	if err != nil {
		_ = t.close()
	}
}

// close ends the notes. To be called before sqlite closes the log, which takes it away.
func (t *logTracker) close() error {
	if t.note == nil {
		return nil
	}
	err := errors.Join(os.Remove(filepath.Join(t.dir, logEndName)), t.note.Close(), SyncDir(t.dir))
	t.note = nil
	return err
}
