package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob"
)

// ErrOtherPublication: the container holds a publication that the journal does not
// know. Another STATE has published there since, or an older copy of this one is used.
var ErrOtherPublication = errors.New("STATE and container do not belong together")

// checkMark returns ErrOtherPublication unless the container holds the publication
// that the journal has made last, or was making. A bucket object without a mark says
// nothing: then the root decides, see checkRoot.
func (e *Engine) checkMark(ctx context.Context, b clfs.Bucket) error {
	if b.Mark == nil {
		return nil
	}
	known, err := e.journal.Mark(ctx)
	if err != nil || known.Knows(b.Mark.ID) {
		return err
	}
	since := ""
	if b.Mark.Publication == known.Publication {
		since = ", which has used it since"
	}
	return fmt.Errorf("%s: %w: the container holds publication %d, begun %s by STATE %s%s; STATE %s knows publication %d of its own",
		e.container, ErrOtherPublication, b.Mark.Publication, b.Mark.Time, b.Mark.State, since, e.options.StateName, known.Publication)
}

// checkRoot returns ErrOtherPublication if the newest root is none that the journal
// has put, or may have put when a publication was cut off: a program that writes no
// marks has changed the container.
func (e *Engine) checkRoot(ctx context.Context) error {
	newest, err := e.newestRoot(ctx)
	if err != nil {
		return err
	}
	least, most, err := e.knownRoots(ctx)
	if err != nil || least <= newest && newest <= most {
		return err
	}
	return fmt.Errorf("%s: %w: the container has %s, STATE %s knows %s",
		e.container, ErrOtherPublication, rootText(newest), e.options.StateName, rootText(least))
}

func rootText(version uint32) string {
	if version == 0 {
		return "no root directory"
	}
	return fmt.Sprintf("version %d of the root directory", version)
}

// newestRoot is the highest version of the root directory; 0: there is none.
func (e *Engine) newestRoot(ctx context.Context) (newest uint32, err error) {
	for info, err := range blob.All(ctx, e.container, clfs.NamePrefix(clfs.RootID)) {
		if err != nil {
			return 0, fmt.Errorf("look for the root in %s: %w", e.container, err)
		}
		n, err := clfs.ParseName(info.Name)
		if err == nil && n.ID == clfs.RootID && n.Snapshot == clfs.LiveSnapshot && n.Type != clfs.TypeTombstone {
			newest = max(newest, n.Version)
		}
	}
	return newest, nil
}

// knownRoots are the versions of the root directory that the newest one may be.
func (e *Engine) knownRoots(ctx context.Context) (least, most uint32, err error) {
	n, err := e.journal.Node(ctx, state.RootIno)
	if err != nil || !e.journal.Publishing() {
		return n.PutVersion, n.PutVersion, err
	}
	return n.PutVersion, n.Version + 1, nil
}

// mark puts the mark of the publication that the journal has begun, before the first put that
// a reader may reach. known is the journal's mark so far.
func (e *Engine) mark(ctx context.Context, b clfs.Bucket, known state.Mark, number uint64) error {
	known.Publication = number
	return e.renew(ctx, b, known, e.newMark())
}

// renew gives the container a mark with an id of its own. At every moment the journal
// knows, durably, which ids the container may hold.
func (e *Engine) renew(ctx context.Context, b clfs.Bucket, known state.Mark, mark *clfs.Mark) error {
	held := known.Newest
	if b.Mark != nil {
		held = b.Mark.ID
	}
	next := known.Next(uuid.NewString(), held)
	if err := e.journal.SetMark(ctx, next); err != nil {
		return err
	}
	mark.ID, mark.Publication = next.Newest, next.Publication
	mark.Range = e.journal.Settings.Range + 1
	if b.Mark != nil {
		mark.Range = max(mark.Range, b.Mark.Range)
	}
	b.Mark = mark
	if err := e.putBucket(ctx, b); err != nil {
		return err
	}
	next.Before = nil
	return e.journal.SetMark(ctx, next)
}

// newMark is an open mark of this STATE and of now, without id and number.
func (e *Engine) newMark() *clfs.Mark {
	m := &clfs.Mark{Time: time.Now().UTC().Format(time.RFC3339), State: strings.ToValidUTF8(e.options.StateName, "\uFFFD")}
	m.Open = clfs.OpenLoad
	if e.options.Live {
		m.Open = clfs.OpenMount
	}
	return m
}

// Open notes in the container that blobs may come that no publication leads to yet, under
// an id that copies of STATE do not know. To be called once the container is claimed,
// before anything else is put.
func (e *Engine) Open(ctx context.Context) error {
	b, err := e.bucket(ctx)
	if err != nil {
		return err
	}
	known, err := e.journal.Mark(ctx)
	if err != nil {
		return err
	}
	mark := e.newMark()
	if b.Mark != nil {
		mark.Time = b.Mark.Time
	}
	return e.renew(ctx, b, known, mark)
}

// Close notes in the container that no such blobs are left. To be called at the end,
// when everything is published and tidy. Another STATE's mark stays as it is.
func (e *Engine) Close(ctx context.Context) error {
	b, err := e.bucket(ctx)
	if err != nil || b.Mark == nil || b.Mark.Open == "" || b.Mark.State != e.newMark().State {
		return err
	}
	b.Mark.Open = ""
	return e.putBucket(ctx, b)
}

// putBucket replaces the bucket object.
func (e *Engine) putBucket(ctx context.Context, b clfs.Bucket) error {
	packed := clfs.Pack(nil, b.Append(nil), e.journal.Settings.Compression)
	if err := e.store.putInReach(ctx, BucketName, packed); err != nil {
		return fmt.Errorf("put bucket object: %w", err)
	}
	return blob.Sync(ctx, e.container)
}
