package garbage

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var dropReplacedStmt = store.NewStatement(dropReplaced)

// Foreign is garbage that another program has put. Its names do not follow from a row; they
// are found by listing what begins with the id.
type Foreign struct {
	Kind  ForeignKind
	ID    clfs.ID
	Below uint32  // of OldVersions
	Owner clfs.ID // the inode that it belongs to: nothing of another one is deleted
}

// ForeignKind says what is garbage.
type ForeignKind string

const (
	ForeignObject ForeignKind = "object"   // all versions of an object
	ForeignTree   ForeignKind = "tree"     // an indirect block with all that it leads to
	OldVersions   ForeignKind = "versions" // those below one
)

// dropReplaced deletes what NoteReplaced has noted for the generation before ?2.
var dropReplaced = fmt.Sprintf(`DELETE FROM garbage WHERE ino = ?1 AND after = ?2 AND (name GLOB '%s of *' OR name GLOB '%s of *')`,
	ForeignObject, ForeignTree)

// foreignForm is how the journal has foreign garbage in place of the name of a blob.
const foreignForm = "%s of %X below %d owner %X"

func (f Foreign) String() string {
	return fmt.Sprintf(foreignForm, f.Kind, string(f.ID), f.Below, string(f.Owner))
}

// parseForeign is the inverse; ok is false for anything else.
func parseForeign(text string) (f Foreign, ok bool) {
	var id, owner []byte
	n, err := fmt.Sscanf(text, foreignForm, &f.Kind, &id, &f.Below, &owner)
	f.ID, f.Owner = clfs.ID(id), clfs.ID(owner)
	return f, n == 4 && err == nil
}

// NoteReplaced notes blobs that the next seal of a file does without. It is called before that
// is put, and again if its upload is repeated: then what was noted before is forgotten with the
// first list, because an indirect block that was to be replaced alone may be given up with all
// below it now. ok is false when the file was changed since.
func (j Collector) NoteReplaced(ctx context.Context, file schema.Node, list []Foreign, first bool) (ok bool, err error) {
	err = j.Write(ctx, store.Committed, func(t *store.Tx) error {
		n, err := t.Node(file.Ino)
		if ok = err == nil && n.Next == file.Next && n.Cseq == file.Cseq && n.State != schema.Removed; !ok {
			if err == schema.ErrNoEntry {
				err = nil
			}
			return err
		}
		if first {
			if _, err := dropReplacedStmt.Exec(t, n.Ino, n.Next+1); err != nil {
				return err
			}
		}
		return AddForeign(t, n.Ino, n.Next+1, list)
	})
	if err != nil {
		return false, fmt.Errorf("note %d replaced blobs of node %d: %w", len(list), file.Ino, err)
	}
	return ok, nil
}
