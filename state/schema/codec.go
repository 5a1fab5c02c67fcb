package schema

import (
	"clfsload/clfs"
	"clfsload/state/journal"
)

// Codec writes values of the tables behind each other, or reads them: one function
// describes both.
type Codec struct{ *journal.Codec }

func Number[T journal.Integer](c Codec, v *T) { journal.Number(c.Codec, v) }

func (c Codec) Node(n *Node) {
	a := &n.Attr
	Number(c, &n.Ino)
	Number(c, &n.Parent)
	c.Bytes(&n.Name)
	id := []byte(n.ID)
	c.Bytes(&id)
	n.ID = clfs.ID(id)
	Number(c, &n.State)
	Number(c, &a.Type)
	for _, v := range []*uint32{&a.Mode, &a.UID, &a.GID, &n.Links, (*uint32)(&n.Flags), &n.Version, &n.PutVersion} {
		Number(c, v)
	}
	for _, v := range []*int64{&a.Size, &a.Mtime, &a.Ctime, &a.Atime} {
		Number(c, v)
	}
	c.Bytes(&n.Target)
	for _, v := range []*uint64{&a.Ino, &a.Rdev, &n.Seq, &n.Cseq, &n.Gen, &n.Next, &n.SealedBlocks, &n.Reserved, &n.MappedBlocks,
		&n.PutOwner, &n.PutPub, &n.PutGen, &n.ImageGen, &n.Used} {
		Number(c, v)
	}
	a.Nlink = uint64(n.Links)
}

func (c Codec) Ledger(l *Ledger) {
	Number(c, &l.NextIno)
	Number(c, &l.LastDirMgr)
	Number(c, &l.Phase)
	m := &l.NamespaceLedger
	Number(c, &m.PublishedAt)
	for _, v := range []*uint64{&m.Seq, &m.Publication, &m.Reached, &m.Completed, &m.PublishedSeq, &m.Published, &m.Directories, &m.Held, &m.Dirty,
		&m.DirtyBytes, &m.Queued, &m.QueuedBytes, &m.Sealed, &m.SealedBytes, &m.Uploaded, &m.UploadedBytes, &m.Linking, &m.LinkingBytes, &m.Failed, &m.FailedBytes, &m.Adopted} {
		Number(c, v)
	}
}
