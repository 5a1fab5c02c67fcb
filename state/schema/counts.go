package schema

import "clfsload/clfs"

// NamespaceLedger is the part of the ledger that says how the namespace stands.
type NamespaceLedger struct {
	Seq          uint64 // number of the last change
	Publication  uint64 // number of the last publication that was begun
	Reached      uint64 // of the last one whose new directories are all put: others may lead there
	Completed    uint64 // of the last one that is complete
	PublishedSeq uint64 // the changes up to this one are in that, or were left out of it
	Counts
}

// Counts counts the nodes that have a name.
type Counts struct {
	Published   uint64 // nodes at the last publication
	PublishedAt int64  // when it ended, nanoseconds since 1970; 0: never

	Directories uint64
	Held        uint64 // directories that the next publication writes

	// Everything but directories, by state. Bytes are of regular files.
	Dirty, DirtyBytes       uint64
	Queued, QueuedBytes     uint64
	Sealed, SealedBytes     uint64
	Uploaded, UploadedBytes uint64 // state Done, or Remote
	Linking, LinkingBytes   uint64
	Failed, FailedBytes     uint64 // directories too

	Adopted uint64 // of all of these: nodes that were in the container before the journal
}

// Nodes is how many nodes have a name, directories and the root included.
func (m Counts) Nodes() uint64 {
	return m.Directories + m.Dirty + m.Queued + m.Sealed + m.Uploaded + m.Linking + m.Failed
}

// ToDo counts what is not in the container as it is, with the contents of regular files.
func (m *Counts) ToDo() (nodes, bytes uint64) {
	return m.Held + m.Dirty + m.Queued + m.Sealed + m.Linking + m.Failed,
		m.DirtyBytes + m.QueuedBytes + m.SealedBytes + m.LinkingBytes + m.FailedBytes
}

const NamespaceLedgerColumns = `seq, publication, reached, completed, published_seq, published_nodes, published_at, directories, held,
	dirty_nodes, dirty_bytes, queued_nodes, queued_bytes, sealed_nodes, sealed_bytes, uploaded_nodes, uploaded_bytes,
	linking_nodes, linking_bytes, failed_nodes, failed_bytes, adopted_nodes`

func (m *NamespaceLedger) fields() []any {
	return []any{&m.Seq, &m.Publication, &m.Reached, &m.Completed, &m.PublishedSeq, &m.Published, &m.PublishedAt, &m.Directories, &m.Held,
		&m.Dirty, &m.DirtyBytes, &m.Queued, &m.QueuedBytes, &m.Sealed, &m.SealedBytes, &m.Uploaded, &m.UploadedBytes,
		&m.Linking, &m.LinkingBytes, &m.Failed, &m.FailedBytes, &m.Adopted}
}

// Count adds a node to the totals, or takes it away again with sign -1.
func (m *Counts) Count(n *Node, sign uint64) {
	if n.State == Removed {
		return
	}
	if n.Flags&Adopted != 0 {
		m.Adopted += sign
	}
	if n.Attr.Type == clfs.TypeDirectory && n.State != Failed {
		m.Directories += sign
		if n.State == Held {
			m.Held += sign
		}
		return
	}
	nodes, bytes := m.of(n.State)
	*nodes += sign
	*bytes += sign * ContentBytes(&n.Attr)
}

func (m *Counts) of(s State) (nodes, bytes *uint64) {
	switch s {
	case Dirty:
		return &m.Dirty, &m.DirtyBytes
	case Queued:
		return &m.Queued, &m.QueuedBytes
	case Sealed:
		return &m.Sealed, &m.SealedBytes
	case Linking:
		return &m.Linking, &m.LinkingBytes
	case Failed:
		return &m.Failed, &m.FailedBytes
	}
	return &m.Uploaded, &m.UploadedBytes
}

// InReach reports whether the container may lead to a blob. putPub is the number of the first
// publication that may do so. It holds from the moment when that publication begins.
func (m *NamespaceLedger) InReach(putPub uint64) bool { return 0 < putPub && putPub <= m.Publication }

// IsPublishing reports whether a publication is under way or was cut off.
func (m *NamespaceLedger) IsPublishing() bool { return m.Publication != m.Completed }

// ContentBytes is what an entry counts for in the totals.
func ContentBytes(a *Attr) uint64 {
	if a.Type == clfs.TypeRegular {
		return uint64(a.Size)
	}
	return 0
}

// MinusOne takes away from a counter.
const MinusOne = ^uint64(0)
