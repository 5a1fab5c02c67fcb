package state

import (
	"encoding/binary"
	"fmt"

	"clfsload/clfs"
)

// codec writes values behind each other, or reads them: one function describes
// both.
type codec struct {
	data    []byte
	reading bool
	short   bool // the data ended early
}

type integer interface {
	~int | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

func number[T integer](c *codec, v *T) {
	if !c.reading {
		c.data = binary.AppendVarint(c.data, int64(*v))
		return
	}
	n, size := binary.Varint(c.data)
	if size <= 0 {
		c.short = true
		return
	}
	*v, c.data = T(n), c.data[size:]
}

// bytes keeps nil apart from what is empty.
func (c *codec) bytes(v *[]byte) {
	length := len(*v)
	if *v == nil {
		length = -1
	}
	number(c, &length)
	switch {
	case !c.reading:
		c.data = append(c.data, *v...)
	case length < 0:
		*v = nil
	case length > len(c.data):
		c.short = true
	default:
		*v, c.data = c.data[:length:length], c.data[length:]
	}
}

func (c *codec) node(n *Node) {
	a := &n.Attr
	number(c, &n.Ino)
	number(c, &n.Parent)
	c.bytes(&n.Name)
	id := []byte(n.ID)
	c.bytes(&id)
	n.ID = clfs.ID(id)
	number(c, &n.State)
	number(c, &a.Type)
	for _, v := range []*uint32{&a.Mode, &a.UID, &a.GID, &n.Links, (*uint32)(&n.Flags), &n.Version, &n.PutVersion} {
		number(c, v)
	}
	for _, v := range []*int64{&a.Size, &a.Mtime, &a.Ctime, &a.Atime} {
		number(c, v)
	}
	c.bytes(&n.Target)
	for _, v := range []*uint64{&a.Rdev, &n.Seq, &n.Cseq, &n.Gen, &n.Next, &n.Sealed, &n.Peak, &n.Mapped,
		&n.PutOwner, &n.PutPub, &n.PutGen, &n.ImageGen, &n.used} {
		number(c, v)
	}
	a.Ino, a.Nlink = uint64(n.Ino), uint64(n.Links)
}

func (c *codec) ledger(l *ledger) {
	number(c, &l.nextIno)
	number(c, &l.lastDirMgr)
	number(c, &l.phase)
	m := &l.mountLedger
	number(c, &m.PublishedAt)
	for _, v := range []*uint64{&m.seq, &m.publication, &m.reached, &m.completed, &m.published, &m.Published, &m.Directories, &m.Held, &m.Dirty,
		&m.DirtyBytes, &m.Queued, &m.QueuedBytes, &m.Sealed, &m.SealedBytes, &m.Uploaded, &m.UploadedBytes} {
		number(c, v)
	}
}

// Kinds of values that a statement is executed with.
const (
	nullValue = iota
	numberValue
	blobValue
	textValue
)

// value is an argument of a statement. What is read are the types that a driver
// of a database takes.
func (c *codec) value(v *any) error {
	kind, n, b := valueOf(*v)
	number(c, &kind)
	switch kind {
	case nullValue:
		*v = nil
	case numberValue:
		number(c, &n)
		*v = n
	case blobValue:
		c.bytes(&b)
		*v = b
	case textValue:
		c.bytes(&b)
		*v = string(b)
	default:
		return fmt.Errorf("%w: a value of the kind %d, %T, in the redo log", ErrDamaged, kind, *v)
	}
	return nil
}

// valueOf returns what of an argument is stored.
func valueOf(v any) (kind int, n int64, b []byte) {
	switch v := v.(type) {
	case nil:
		return nullValue, 0, nil
	case int:
		return numberValue, int64(v), nil
	case int64:
		return numberValue, v, nil
	case uint64:
		return numberValue, int64(v), nil
	case Ino:
		return numberValue, int64(v), nil
	case BlockState:
		return numberValue, int64(v), nil
	case []byte:
		return blobValue, 0, v
	case string:
		return textValue, 0, []byte(v)
	}
	return -1, 0, nil
}
