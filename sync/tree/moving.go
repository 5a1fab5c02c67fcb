package tree

import (
	"context"
	"errors"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// OpenMark is the mark of a mount that is not finished with the container; nil: there is
// none. While there is one, a publication may be under way, or may have been cut off: an entry
// that it moves may be in two places, and directories may lead to each other in a loop. A
// container that was closed when it was opened is asked once more, as a mount may have begun since.
func (t *Tree) OpenMark(ctx context.Context) *object.Mark {
	if t.openMark.Load() == nil {
		t.askedMark.Do(func() { _, _, _ = t.Bucket(ctx) }) // no mark can be read: there is none
	}
	return t.openMark.Load()
}

// Again is the error of a directory that was reached before, on another way. object is the
// blob that lists it, or what is known of it.
func (t *Tree) Again(ctx context.Context, object, name string, id clfs.ID) *Damage {
	return t.moving(ctx, damagef(KindLoop, object, "entry %q leads to directory %s, which another entry leads to, too", name, id))
}

// moving marks damage that a publication may have left, if one may be under way.
func (t *Tree) moving(ctx context.Context, d *Damage) *Damage {
	if m := t.OpenMark(ctx); m != nil {
		d.Moving = true
		d.Reason += ": a publication of STATE " + m.State + " is in progress or was cut off"
	}
	return d
}

// settled is an error of [Node.CheckLink] if no publication accounts for it.
func (t *Tree) settled(ctx context.Context, link error) error {
	var d *Damage
	if errors.As(link, &d) && t.moving(ctx, d).Moving {
		return nil
	}
	return link
}
