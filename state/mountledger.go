package state

import "clfsload/clfs"

// mountLedger is the part of the ledger that only a mount uses.
type mountLedger struct {
	seq        uint64 // number of the last change
	published  uint64 // what the last publication knew of: changes up to this one
	publishing uint64 // likewise, of one that is under way or was cut off; 0: none
	MountTotals
}

// MountTotals counts the nodes of a mount that have a name.
type MountTotals struct {
	Published   uint64 // nodes at the last publication
	PublishedAt int64  // when it ended, nanoseconds since 1970; 0: never

	Directories uint64
	Held        uint64 // directories that the next publication writes

	// Everything but directories, by state. Bytes are of regular files.
	Dirty, DirtyBytes       uint64
	Queued, QueuedBytes     uint64
	Sealed, SealedBytes     uint64
	Uploaded, UploadedBytes uint64 // state Done
}

// Nodes is how many nodes have a name, directories and the root included.
func (m MountTotals) Nodes() uint64 {
	return m.Directories + m.Dirty + m.Queued + m.Sealed + m.Uploaded
}

const mountLedgerColumns = `seq, published_seq, publishing_seq, published_nodes, published_at, directories, held,
	dirty_nodes, dirty_bytes, queued_nodes, queued_bytes, sealed_nodes, sealed_bytes, uploaded_nodes, uploaded_bytes`

func (m *mountLedger) fields() []any {
	return []any{&m.seq, &m.published, &m.publishing, &m.Published, &m.PublishedAt, &m.Directories, &m.Held,
		&m.Dirty, &m.DirtyBytes, &m.Queued, &m.QueuedBytes, &m.Sealed, &m.SealedBytes, &m.Uploaded, &m.UploadedBytes}
}

// writeLedger writes the ledger of a mount; the batch of the redo log that follows
// belongs to it.
func (s *mountStatements) writeLedger(l *ledger, batch uint64) error {
	m := &l.mountLedger
	_, err := s.setLedger.Exec(l.nextIno, l.lastDirMgr, l.phase, m.seq, m.published, m.publishing,
		m.Published, m.PublishedAt, m.Directories, m.Held, m.Dirty, m.DirtyBytes, m.Queued, m.QueuedBytes,
		m.Sealed, m.SealedBytes, m.Uploaded, m.UploadedBytes, int64(batch))
	return err
}

// count adds a node to the totals, or takes it away again with sign -1.
func (m *MountTotals) count(n *Node, sign uint64) {
	if n.State == Removed {
		return
	}
	if n.Attr.Type == clfs.TypeDirectory {
		m.Directories += sign
		if n.State == Held {
			m.Held += sign
		}
		return
	}
	nodes, bytes := m.of(n.State)
	*nodes += sign
	*bytes += sign * contentBytes(&n.Attr)
}

func (m *MountTotals) of(s State) (nodes, bytes *uint64) {
	switch s {
	case Dirty:
		return &m.Dirty, &m.DirtyBytes
	case Queued:
		return &m.Queued, &m.QueuedBytes
	case Sealed:
		return &m.Sealed, &m.SealedBytes
	}
	return &m.Uploaded, &m.UploadedBytes
}

// MountTotals returns the counts as of the last commit.
func (j *Journal) MountTotals() MountTotals { return j.ledger.Load().MountTotals }

// Seq is the number of the last change that is committed.
func (j *Journal) Seq() uint64 { return j.ledger.Load().seq }

// LastIno is the number of the newest inode.
func (j *Journal) LastIno() Ino { return j.ledger.Load().nextIno - 1 }

// Floor is the number up to which a node that was put counts as published: of
// the last publication, or of one that is under way or was cut off.
func (j *Journal) Floor() uint64 { return j.ledger.Load().floor() }

func (m *mountLedger) floor() uint64 { return max(m.published, m.publishing) }
