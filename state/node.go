package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

var nodeStmt = newStatement(`SELECT ` + nodeColumns + ` FROM inode WHERE ino = ?`)

// Flags say more of a node than its state.
type Flags uint32

const (
	Opened     Flags = 1 << iota // a writer has it open: size and mtime are those of the staging file
	Incomplete                   // its writer was cut off by a crash
	Content                      // its contents changed since the last seal
	Begun                        // a blob under its present Version and owner may be in the container
	Evicted                      // blocks without a row are not in staging
	Orphan                       // removed, but in use still
	Moved                        // names or links changed since it was put
	Grown                        // of a directory: it may have entries that its blob does not list
	Synced                       // its staged bytes were fsynced after the last write

	// Of what was in the container before the journal; see the file adopt.go.

	Adopted       // its blob is another program's: what is put in its place starts from it
	BaseMap       // where blocks of generation 0 are, the block map of its newest payload says
	Unlisted      // directory: its entries are in the container alone
	Unfaithful    // directory: it has entries that a listing of ours would lose; file: it is not cut into blocks as ours are
	OlderVersions // the container had lower versions of its blob
	NamedHardLink // its blob's name says clfs.TypeHardLink

	Unordered // directory: a scan has added entries, which have no cookies yet
)

// Node is an inode with all that the journal knows of it. Attr.Nlink is Links.
type Node struct {
	Inode
	Flags Flags
	Seq   uint64 // number of its last change
	Cseq  uint64 // number of the last change of its contents

	Gen    uint64 // generation of uploaded blocks that have no row
	Next   uint64 // generation of what is uploaded from now on
	Sealed uint64 // blocks of the last seal that still stand
	Peak   uint64 // blocks that may have been uploaded as Next, beside those that have a row
	Mapped uint64 // blocks at the last seal; of a directory: segments in the container and 1

	Version    uint32 // of the next inode blob
	PutVersion uint32 // of the inode blob in the container; 0: there is none
	PutOwner   uint64 // hash64 of the owner in that blob's name, or in the name that it is to have
	PutPub     uint64 // number of the first publication that may lead to that blob; 0: none was put
	PutGen     uint64 // 1 + generation of the seal in that blob; 0: none
	ImageGen   uint64 // likewise, of the payload kept for the next publication; 0: none

	used uint64 // number of the change when it was last used; 0: not in staging
}

const nodeColumns = inodeColumns + `, flags, seq, cseq, gen, next, sealed, peak, mapped,
	version, put_version, put_owner, put_pub, put_gen, image_gen, used`

// nodeColumnsOf are the columns of the table that is called i in a query.
const nodeColumnsOf = `i.ino, i.parent, i.name, i.handle, i.state, i.type, i.mode, i.uid, i.gid, i.size, i.mtime, i.ctime,
	i.atime, i.fileid, i.rdev, i.links, i.target, i.flags, i.seq, i.cseq, i.gen,
	i.next, i.sealed, i.peak, i.mapped, i.version, i.put_version, i.put_owner, i.put_pub, i.put_gen, i.image_gen, i.used`

// scanNode reads a row of nodeColumns, and before them what more is asked for.
func scanNode(row scanner, more ...any) (Node, error) {
	var n Node
	var id []byte
	var fileid, rdev, owner int64 // sqlite has signed integers only
	a := &n.Attr
	err := row.Scan(append(more, &n.Ino, &n.Parent, &n.Name, &id, &n.State, &a.Type, &a.Mode, &a.UID, &a.GID, &a.Size,
		&a.Mtime, &a.Ctime, &a.Atime, &fileid, &rdev, &n.Links, &n.Target,
		&n.Flags, &n.Seq, &n.Cseq, &n.Gen, &n.Next, &n.Sealed, &n.Peak, &n.Mapped,
		&n.Version, &n.PutVersion, &owner, &n.PutPub, &n.PutGen, &n.ImageGen, &n.used)...)
	if err != nil {
		return Node{}, err
	}
	n.ID = clfs.ID(id)
	n.PutOwner = uint64(owner)
	n.setOrigin(fileid, rdev)
	return n, nil
}

// IsDirectory reports whether the node is a directory.
func (n *Node) IsDirectory() bool { return n.Attr.Type == clfs.TypeDirectory }

// Queries that a mount asks all the time.
const (
	nodeQuery   = `SELECT ` + nodeColumns + ` FROM inode WHERE ino = ?`
	lookupQuery = `SELECT ` + nodeColumns + ` FROM inode
		WHERE ino = (SELECT ino FROM dirent WHERE parent = ? AND name = ?)`
	listQuery = `SELECT d.cookie, d.name, ` + nodeColumnsOf + ` FROM dirent d JOIN inode i ON i.ino = d.ino
		WHERE d.parent = ? AND d.cookie > ? ORDER BY d.cookie LIMIT ?`
	blocksPageQuery = `SELECT idx, gen, state FROM block WHERE ino = ? AND idx >= ? ORDER BY idx LIMIT ?`
	blocksQuery     = `SELECT idx, gen, state FROM block WHERE ino = ? ORDER BY idx`
)

var frequentQueries = []string{nodeQuery, lookupQuery, listQuery, blocksQuery, blocksPageQuery}

// Node returns a node, removed ones too. Errors: ErrNoEntry.
func (j *Journal) Node(ctx context.Context, ino Ino) (n Node, err error) {
	done, err := j.ahead(ctx, func(t *tx) error {
		found, err := t.node(ino)
		if err == nil {
			n = *found
		}
		return err
	})
	if !done {
		n, err = scanNode(j.row(context.WithoutCancel(ctx), nodeQuery, ino))
	}
	if err != nil {
		return Node{}, fmt.Errorf("read node %d: %w", ino, missing(err))
	}
	return n, nil
}

// missing makes a row that is not there ErrNoEntry.
func missing(err error) error {
	if noRows(err) {
		return ErrNoEntry
	}
	return classify(err)
}

// node returns a node as the transaction has it. Errors: ErrNoEntry.
func (t *tx) node(ino Ino) (*Node, error) {
	if !t.direct {
		if n, found := t.rows.find(ino); found {
			return n, nil
		}
	}
	n, err := scanNode(nodeStmt.QueryRow(t, ino))
	if noRows(err) {
		return nil, ErrNoEntry
	}
	if err == nil && !t.direct {
		t.rows.read(&n)
	}
	return &n, err
}

// directory reads the row of a directory that has a name. Errors: ErrNoEntry,
// ErrNotDirectory.
func (t *tx) directory(ino Ino) (*Node, error) {
	n, err := t.node(ino)
	switch {
	case err != nil:
		return nil, err
	case !n.IsDirectory():
		return nil, ErrNotDirectory
	case n.State == Removed:
		return nil, ErrNoEntry
	}
	return n, n.checkRead()
}

// nextSeq numbers a change.
func (t *tx) nextSeq() uint64 {
	t.ledger.seq++
	return t.ledger.seq
}

// touch notes that a node is changed: it has to be put again. In a load nobody has a file open,
// and it is ready to be uploaded at once.
func (t *tx) touch(n *Node) {
	n.Seq = t.nextSeq()
	switch {
	case n.State == Removed:
	case n.IsDirectory():
		n.State = Held
	case t.settings.Kind == KindMount:
		n.State = Dirty
	default:
		n.State = Queued
		n.Flags |= Begun
	}
}

// save notes what became of a node that was read as before.
func (t *tx) save(before, n *Node) error {
	t.ledger.count(before, minusOne)
	t.ledger.count(n, 1)
	t.countFound(before, n)
	if (n.State == Queued) != (before.State == Queued) {
		t.queued = true
	}
	switch {
	case !t.direct:
		t.rows.change(n)
		t.recorder.node(opChanged, n)
		return nil
	case n.State == before.State:
		return t.stmts.update(n)
	}
	return t.stmts.updateState(n)
}

// minusOne takes away from a counter.
const minusOne = ^uint64(0)

// change alters one node, and returns it as it is then.
func (j *Journal) change(ctx context.Context, ino Ino, what string, alter func(*tx, *Node) error) (Node, error) {
	var after Node
	err := j.write(ctx, acknowledged, func(t *tx) error {
		n, err := t.node(ino)
		if err != nil {
			return err
		}
		if err := n.checkRead(); err != nil {
			return err
		}
		before := *n
		if err := alter(t, n); err != nil {
			return err
		}
		after = *n
		return t.save(&before, n)
	})
	if err != nil {
		return Node{}, fmt.Errorf("%s node %d: %w", what, ino, err)
	}
	return after, nil
}
