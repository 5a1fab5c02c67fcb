package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// redoName is the file of the redo log.
const redoName = "journal.redo"

// redoBytes is how long the redo log grows before its changes are committed, and
// redoRoom what its file takes on the disk: when the disk is full, the rest of it is
// given up for the commit.
const (
	redoBytes = 64 << 10
	redoRoom  = 2 << 20
)

// redoLog holds the changes of a mount that were acknowledged and are not committed
// to the database yet. It is for a process that is killed: to write a record costs
// one system call, and a transaction costs dozens. It is never waited for until it
// is on the disk.
//
// The records behind one commit are a batch. The commit writes the batch's number,
// a random one, into the client's tables, so that records of all other batches mean nothing
// from then on; and each batch begins at the start of the file.
type redoLog struct {
	file    *os.File
	batch   uint64
	records uint64 // of the batch, that were written whole
	size    int64  // bytes that they take
	used    bool   // something may have been written since the batch began
	roomy   bool   // the file has its room
	buf     []byte
}

// A record of the redo log is, in little-endian order,
//
//	length   uint32  of the payload
//	checksum uint32  CRC-32C of all that follows
//	batch    uint64
//	number   uint64  of the record in its batch, from 0
//	payload
const redoHeader = 24

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openRedoLog opens the redo log of a journal, whose ledger says which batch goes on
// behind it. uninterrupted: the log has all that was written to it, so that nothing may
// be damaged but the last record. ErrDamaged: another one is.
func openRedoLog(dir string, batch uint64, uninterrupted bool) (*redoLog, error) {
	file, err := os.OpenFile(filepath.Join(dir, redoName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open redo log of journal: %w", err)
	}
	l := &redoLog{file: file, batch: batch}
	data, err := l.find()
	switch {
	case err != nil:
	case uninterrupted:
		err = l.checkEnd(data)
	case len(data) > 0:
		l.used = true // records of the batch may follow a gap: it must not go on
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return l, nil
}

// find looks for the records of the batch, and whether the file has its room. It
// returns what the file holds.
func (l *redoLog) find() ([]byte, error) {
	data, err := io.ReadAll(io.NewSectionReader(l.file, 0, 1<<62))
	if err != nil {
		return nil, fmt.Errorf("read redo log of journal: %w", err)
	}
	l.roomy = int64(len(data)) >= redoRoom
	for {
		payload, whole := l.record(data[l.size:], l.records)
		if !whole {
			return data, nil
		}
		l.used = true
		l.records++
		l.size += redoHeader + int64(len(payload))
	}
}

// checkEnd returns ErrDamaged if a record of the batch follows the end of the log.
func (l *redoLog) checkEnd(data []byte) error {
	le := binary.LittleEndian
	for at := l.size + 1; at+redoHeader <= int64(len(data)); at++ {
		if le.Uint64(data[at+8:]) != l.batch {
			continue
		}
		number := le.Uint64(data[at+16:])
		if _, whole := l.record(data[at:], number); whole && number > l.records {
			return fmt.Errorf("%w: its redo log is damaged at byte %d, before record %d", ErrDamaged, l.size, number)
		}
	}
	return nil
}

func (l *redoLog) close() error {
	if l == nil {
		return nil
	}
	l.release()
	return l.file.Close()
}

// isLong reports whether a record would make the log longer than it should be.
func (l *redoLog) isLong(payload []byte) bool { return l.size+int64(len(payload)) > redoBytes }

// append adds a record. One that fails is not part of the log.
func (l *redoLog) append(payload []byte) error {
	l.used = true
	le := binary.LittleEndian
	l.buf = le.AppendUint32(l.buf[:0], uint32(len(payload)))
	l.buf = le.AppendUint32(l.buf, 0)
	l.buf = le.AppendUint64(l.buf, l.batch)
	l.buf = le.AppendUint64(l.buf, l.records)
	l.buf = append(l.buf, payload...)
	le.PutUint32(l.buf[4:], crc32.Checksum(l.buf[8:], castagnoli))
	if _, err := l.file.WriteAt(l.buf, l.size); err != nil {
		return fmt.Errorf("write redo log of journal: %w", err)
	}
	l.records++
	l.size += int64(len(l.buf))
	return nil
}

// reserve takes the room of the file. Where the file system cannot do that there is
// none to take back.
func (l *redoLog) reserve() error {
	if l.roomy {
		return nil
	}
	err := unix.Fallocate(int(l.file.Fd()), 0, 0, redoRoom)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("reserve room of redo log: %w", err)
	}
	l.roomy = true
	return nil
}

// release gives up the room that the records do not take. It reports whether there
// may have been some.
func (l *redoLog) release() bool {
	if !l.roomy {
		return false
	}
	l.roomy = false
	return l.file.Truncate(l.size) == nil
}

// replay calls apply for the payload of each record of the batch.
func (l *redoLog) replay(apply func(payload []byte) error) error {
	data := make([]byte, l.size)
	if _, err := l.file.ReadAt(data, 0); err != nil {
		return fmt.Errorf("read redo log of journal: %w", err)
	}
	for number := range l.records {
		payload, whole := l.record(data, number)
		if !whole {
			return fmt.Errorf("%w: record %d of the redo log is not what was written", ErrDamaged, number)
		}
		if err := apply(payload); err != nil {
			return fmt.Errorf("redo change %d of journal: %w", number, err)
		}
		data = data[redoHeader+len(payload):]
	}
	return nil
}

// record returns the payload of a record of the batch, if data begins with it.
func (l *redoLog) record(data []byte, number uint64) (payload []byte, whole bool) {
	le := binary.LittleEndian
	if len(data) < redoHeader {
		return nil, false
	}
	end := redoHeader + uint64(le.Uint32(data))
	if end > uint64(len(data)) || le.Uint64(data[8:]) != l.batch || le.Uint64(data[16:]) != number ||
		le.Uint32(data[4:]) != crc32.Checksum(data[8:end], castagnoli) {
		return nil, false
	}
	return data[redoHeader:end], true
}

// next is the number of the batch behind the next commit. It is always another one, also
// when the batch has no records: those that follow build on the commit, which a power cut
// may lose and leave them.
func (l *redoLog) next() uint64 { return rand.Uint64() }

// begin begins a batch, once the commit with its number is made.
func (l *redoLog) begin(batch uint64) {
	l.batch, l.records, l.size, l.used = batch, 0, 0, false
}
