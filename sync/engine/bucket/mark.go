package bucket

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"clfsload/clfs/object"
	"clfsload/state"
)

// ErrOtherPublication: the container holds a publication that the journal does not
// know. Another STATE has published there since, or an older copy of this one is used.
var ErrOtherPublication = errors.New("STATE and container do not belong together")

// checkMark returns ErrOtherPublication unless the container holds the publication
// that the journal has made last, or was making. A bucket object without a mark says
// nothing: then the root decides, see CheckRoot.
func (o *Object) checkMark(ctx context.Context, b object.Bucket) error {
	if b.Mark == nil {
		return nil
	}
	known, err := o.Journal.Mark(ctx)
	if err != nil || known.Knows(b.Mark.ID) {
		return err
	}
	since := ""
	if b.Mark.Publication == known.Publication {
		since = ", which has used it since"
	}
	return fmt.Errorf("%s: %w: the container holds publication %d, begun %s by STATE %s%s; STATE %s knows publication %d of its own",
		o.Container, ErrOtherPublication, b.Mark.Publication, b.Mark.Time, b.Mark.State, since, o.StateName, known.Publication)
}

// Mark puts the mark of the publication that the journal has begun, before the first put that
// a reader may reach. known is the journal's mark so far.
func (o *Object) Mark(ctx context.Context, b object.Bucket, known state.Mark, number uint64) error {
	known.Publication = number
	return o.renew(ctx, b, known, o.newMark())
}

// renew gives the container a mark with an id of its own. At every moment the journal
// knows, durably, which ids the container may hold.
func (o *Object) renew(ctx context.Context, b object.Bucket, known state.Mark, mark *object.Mark) error {
	held := known.Newest
	if b.Mark != nil {
		held = b.Mark.ID
	}
	next := known.Next(uuid.NewString(), held)
	if err := o.Journal.SetMark(ctx, next); err != nil {
		return err
	}
	mark.ID, mark.Publication = next.Newest, next.Publication
	mark.Range = o.Journal.Settings.Range + 1
	if b.Mark != nil {
		mark.Range = max(mark.Range, b.Mark.Range)
	}
	b.Mark = mark
	if err := o.Put(ctx, b); err != nil {
		return err
	}
	next.Before = nil
	return o.Journal.SetMark(ctx, next)
}

// newMark is an open mark of this STATE and of now, without id and number.
func (o *Object) newMark() *object.Mark {
	m := &object.Mark{Time: time.Now().UTC().Format(time.RFC3339), State: strings.ToValidUTF8(o.StateName, "\uFFFD")}
	m.Open = object.OpenLoad
	if o.Live {
		m.Open = object.OpenMount
	}
	return m
}
