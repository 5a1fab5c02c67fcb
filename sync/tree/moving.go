package tree

import (
	"context"
	"errors"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// OpenMark is the mark of a mount that is not finished with the container; nil: there is none.
// While there is one, a publication may be in progress, or may have been cut off: an entry that it
// moves may be at two places, and directories may lead to each other in a loop. If the container
// was closed at its open, OpenMark reads the mark once more, because a mount may have begun since.
func (t *Tree) OpenMark(ctx context.Context) *object.Mark {
	if t.openMark.Load() == nil {
		t.askedMark.Do(func() { _, _, _ = t.Bucket(ctx) }) // no mark can be read: there is none
	}
	return t.openMark.Load()
}

// Again is the error of a directory that was already reached through another entry. object is the
// blob that lists it, or its known description.
func (t *Tree) Again(ctx context.Context, object, name string, id clfs.ID) *Damage {
	return t.moving(ctx, damagef(KindLoop, object, "entry %q leads to directory %s, which another entry leads to, too", name, id))
}

// moving marks damage that a publication in progress may have left.
func (t *Tree) moving(ctx context.Context, d *Damage) *Damage {
	if m := t.OpenMark(ctx); m != nil {
		d.Moving = true
		d.Reason += ": a publication of STATE " + m.State + " is in progress or was cut off"
	}
	return d
}

// settled is an error of [Node.CheckLink] that no publication explains.
func (t *Tree) settled(ctx context.Context, link error) error {
	var d *Damage
	if errors.As(link, &d) && t.moving(ctx, d).Moving {
		return nil
	}
	return link
}
