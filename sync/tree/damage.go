package tree

import (
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/clfs/compression"
)

// ErrNotFound: the path names nothing in the container.
var ErrNotFound = errors.New("no such file or directory")

// ErrNotDirectory: a component of the path that must be a directory is not.
var ErrNotDirectory = errors.New("not a directory")

// ErrNoContainer: there is no bucket object, so this is no CLFS container.
var ErrNoContainer = errors.New("not a CLFS container: it has no bucket object")

// ErrUnfinished: the container has no root directory. It was not finished, or
// the root is lost.
var ErrUnfinished = errors.New("the container has no root directory: its transfer is not complete, or the root is lost")

// ErrDamaged is what every [Damage] is, for errors.Is.
var ErrDamaged = errors.New("the container breaks the format")

// ErrMoving is what a [Damage] is that a publication under way leaves, or one that was cut
// off. The next publication that completes removes it.
var ErrMoving = errors.New("a publication is in progress or was cut off")

// A Kind says which promise of the format is broken. It is a word for reports
// and for programs that read them.
type Kind string

// The kinds of damage that reading finds. Package verify has more.
const (
	KindMissing       Kind = "missing-object" // something refers to an object that is not there
	KindRecords       Kind = "bad-records"    // the blob's bytes are no object
	KindEncrypted     Kind = "encrypted"      // the object is encrypted
	KindChecksum      Kind = "checksum"       // the bytes are not those that the service was given
	KindSegmentOwner  Kind = "segment-owner"  // a segment says it belongs to another inode
	KindSegmentOffset Kind = "segment-offset" // a segment says it belongs elsewhere in its file
	KindSegmentLength Kind = "segment-length" // contents are longer or shorter than they must be
	KindBlockMap      Kind = "block-map"      // lists of blocks or an indirect block make no sense
	KindHole          Kind = "hole"           // a block map lacks blocks that the size asks for
	KindLoop          Kind = "directory-loop" // a directory is reached twice
	KindEntryName     Kind = "entry-name"     // a directory entry has a name that no file can have
	KindOversized     Kind = "oversized-blob" // a blob is larger than any object
	KindOwnID         Kind = "own-id"         // an inode says that it is another one
	KindType          Kind = "type"           // name, handle, attributes and mode do not agree on the type
	KindOwner         Kind = "owner"          // the blob's name has another owner than the object
	KindHandle        Kind = "handle"         // a filehandle is not made as it must be
	KindAttributes    Kind = "attributes"     // an attribute has a value that it cannot have
	KindLinkCount     Kind = "link-count"     // nlink is not the number of links
	KindBackPointer   Kind = "back-pointer"   // back pointers and directory entries do not match
	KindSize          Kind = "size"           // a size in the attributes is wrong
	KindDots          Kind = "dots"           // "." and ".." are not where or what they must be
	KindDuplicate     Kind = "duplicate-name" // a directory has a name twice
)

// Damage is the error for a container that breaks the format.
type Damage struct {
	Kind   Kind
	Object string // the blob's name, or "object ID" where there is no blob
	Reason string
	Err    error // the cause, may be nil
	Whole  bool  // of a directory: all its entries were read
	Moving bool  // no damage but ErrMoving: see Tree.OpenMark
}

func (d *Damage) Error() string {
	if d.Reason == "" && d.Err != nil {
		return d.Err.Error()
	}
	return d.Object + ": " + d.Reason
}

// Is reports whether target is ErrDamaged, or ErrMoving of what is no damage.
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

// objectText names an object of which no blob is known.
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
