package state

import (
	"clfsload/clfs"
	"clfsload/state/journal"
)

// codec writes values of the tables behind each other, or reads them: one function
// describes both.
type codec struct{ *journal.Codec }

func number[T journal.Integer](c codec, v *T) { journal.Number(c.Codec, v) }

func (c codec) node(n *Node) {
	a := &n.Attr
	number(c, &n.Ino)
	number(c, &n.Parent)
	c.Bytes(&n.Name)
	id := []byte(n.ID)
	c.Bytes(&id)
	n.ID = clfs.ID(id)
	number(c, &n.State)
	number(c, &a.Type)
	for _, v := range []*uint32{&a.Mode, &a.UID, &a.GID, &n.Links, (*uint32)(&n.Flags), &n.Version, &n.PutVersion} {
		number(c, v)
	}
	for _, v := range []*int64{&a.Size, &a.Mtime, &a.Ctime, &a.Atime} {
		number(c, v)
	}
	c.Bytes(&n.Target)
	for _, v := range []*uint64{&a.Ino, &a.Rdev, &n.Seq, &n.Cseq, &n.Gen, &n.Next, &n.Sealed, &n.Peak, &n.Mapped,
		&n.PutOwner, &n.PutPub, &n.PutGen, &n.ImageGen, &n.used} {
		number(c, v)
	}
	a.Nlink = uint64(n.Links)
}

func (c codec) ledger(l *ledger) {
	number(c, &l.nextIno)
	number(c, &l.lastDirMgr)
	number(c, &l.phase)
	m := &l.namespaceLedger
	number(c, &m.PublishedAt)
	for _, v := range []*uint64{&m.seq, &m.publication, &m.reached, &m.completed, &m.publishedSeq, &m.Published, &m.Directories, &m.Held, &m.Dirty,
		&m.DirtyBytes, &m.Queued, &m.QueuedBytes, &m.Sealed, &m.SealedBytes, &m.Uploaded, &m.UploadedBytes, &m.Linking, &m.LinkingBytes, &m.Failed, &m.FailedBytes, &m.Adopted} {
		number(c, v)
	}
}
