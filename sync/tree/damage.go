package tree

import (
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/clfs/compression"
)

// ErrNotFound: the container has no entry at the path.
var ErrNotFound = errors.New("no such file or directory")

// ErrNotDirectory: a component of the path that must be a directory is not.
var ErrNotDirectory = errors.New("not a directory")

// ErrNoContainer: there is no bucket object, so this is not a CLFS container.
var ErrNoContainer = errors.New("not a CLFS container: it has no bucket object")

// ErrUnfinished: the container has no root directory. Its transfer is not complete, or the root is
// lost.
var ErrUnfinished = errors.New("the container has no root directory: its transfer is not complete, or the root is lost")

// ErrDamaged matches every [Damage], for errors.Is.
var ErrDamaged = errors.New("the container breaks the format")

// ErrMoving matches a [Damage] left by a publication that is in progress, or was cut off. The next
// complete publication removes it.
var ErrMoving = errors.New("a publication is in progress or was cut off")

// A Kind names the broken promise of the format. It is a word for reports and for programs that
// read them.
type Kind string

// The kinds of damage that reading finds. Package verify has more.
const (
	KindMissing       Kind = "missing-object" // something refers to a missing object
	KindRecords       Kind = "bad-records"    // the blob's bytes are not an object
	KindEncrypted     Kind = "encrypted"      // the object is encrypted
	KindChecksum      Kind = "checksum"       // the bytes differ from those that the service received
	KindSegmentOwner  Kind = "segment-owner"  // a segment says it belongs to another inode
	KindSegmentOffset Kind = "segment-offset" // a segment says it belongs elsewhere in its file
	KindSegmentLength Kind = "segment-length" // contents are longer or shorter than required
	KindBlockMap      Kind = "block-map"      // lists of blocks or an indirect block are invalid
	KindHole          Kind = "hole"           // a block map lacks blocks that the size requires
	KindLoop          Kind = "directory-loop" // a directory is reached twice
	KindEntryName     Kind = "entry-name"     // a directory entry has a name that is invalid for a file
	KindOversized     Kind = "oversized-blob" // a blob is larger than any object
	KindOwnID         Kind = "own-id"         // an inode contains the id of another one
	KindType          Kind = "type"           // name, handle, attributes and mode do not agree on the type
	KindOwner         Kind = "owner"          // the blob's name has another owner than the object
	KindHandle        Kind = "handle"         // a filehandle does not have the required form
	KindAttributes    Kind = "attributes"     // an attribute has an invalid value
	KindLinkCount     Kind = "link-count"     // nlink is not the number of links
	KindBackPointer   Kind = "back-pointer"   // back pointers and directory entries do not match
	KindSize          Kind = "size"           // a size in the attributes is wrong
	KindDots          Kind = "dots"           // "." and ".." are missing or wrong
	KindDuplicate     Kind = "duplicate-name" // a directory has a name twice
)

// Damage is the error for a container that breaks the format.
type Damage struct {
	Kind   Kind
	Object string // the blob's name, or "object ID" if there is no blob
	Reason string
	Err    error // the cause, may be nil
	Whole  bool  // of a directory: all its entries were read
	Moving bool  // not damage but ErrMoving: see Tree.OpenMark
}

func (d *Damage) Error() string {
	if d.Reason == "" && d.Err != nil {
		return d.Err.Error()
	}
	return d.Object + ": " + d.Reason
}

// Is reports whether target is ErrDamaged, or ErrMoving for an entry in motion.
func (d *Damage) Is(target error) bool {
	if d.Moving {
		return target == ErrMoving
	}
	return target == ErrDamaged
}

// Unwrap returns the cause.
func (d *Damage) Unwrap() error { return d.Err }

func damagef(kind Kind, object, format string, args ...any) *Damage {
	return &Damage{Kind: kind, Object: object, Reason: fmt.Sprintf(format, args...)}
}

// objectText names an object without a known blob.
func objectText(id clfs.ID) string { return "object " + id.String() }

// BadObject turns an error of package clfs into damage of a blob.
func BadObject(err error, blobName string) error {
	kind := KindRecords
	if errors.Is(err, compression.ErrEncrypted) {
		kind = KindEncrypted
	}
	return &Damage{Kind: kind, Object: blobName, Err: clfs.WithObject(err, blobName)}
}

// ValidName reports whether a directory entry's name can be the name of a file:
// 1 to 255 bytes, neither "." nor "..", without slash and NUL.
func ValidName(name []byte) bool {
	if len(name) == 0 || len(name) > 255 || string(name) == "." || string(name) == ".." {
		return false
	}
	for _, c := range name {
		if c == '/' || c == 0 {
			return false
		}
	}
	return true
}
