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
	return fmt.Errorf("%s: %w: the container holds publication %d, begun %s by STATE %s; STATE %s knows publication %d of its own",
		e.container, ErrOtherPublication, b.Mark.Publication, b.Mark.Time, b.Mark.State, e.options.StateName, known.Publication)
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
	if e.journal.Settings.Kind == state.KindMount {
		n, err := e.journal.Node(ctx, state.RootIno)
		if err != nil || !e.journal.Publishing() {
			return n.PutVersion, n.PutVersion, err
		}
		return n.PutVersion, n.AfterUnion().Version, nil
	}
	if e.journal.Phase() == state.PhaseComplete {
		return clfs.FirstVersion, clfs.FirstVersion, nil
	}
	mark, err := e.journal.Mark(ctx)
	if mark.Publication > 0 {
		most = clfs.FirstVersion
	}
	return 0, most, err
}

// mark puts the mark of a publication that the journal has begun: before anything that
// a reader may reach. known is the journal's mark of before. open: what it leaves out may
// have blobs in the container.
func (e *Engine) mark(ctx context.Context, b clfs.Bucket, known state.Mark, open bool) error {
	held := known.Newest
	if b.Mark != nil {
		held = b.Mark.ID
	}
	next := known.Next(uuid.NewString(), held)
	if err := e.journal.SetMark(ctx, next); err != nil {
		return err
	}
	b.Mark = e.newMark(next.Newest, next.Publication, open)
	return e.putBucket(ctx, b)
}

// markLoad is mark for a load, which publishes once: a run that goes on after a crash
// finishes the same publication.
func (e *Engine) markLoad(ctx context.Context) error {
	b, err := e.bucket(ctx)
	if err != nil {
		return err
	}
	m, err := e.journal.Mark(ctx)
	if err != nil || m.Publication > 0 && b.Mark != nil && b.Mark.ID == m.Newest {
		return err
	}
	return e.mark(ctx, b, m, false)
}

func (e *Engine) newMark(id string, publication uint64, open bool) *clfs.Mark {
	return &clfs.Mark{ID: id, Publication: publication, Time: time.Now().UTC().Format(time.RFC3339),
		State: strings.ToValidUTF8(e.options.StateName, "\uFFFD"), Open: open}
}

// Open notes in the container that blobs may come that no publication leads to yet. To
// be called once the container is claimed, before anything else is put.
func (e *Engine) Open(ctx context.Context) error { return e.setOpen(ctx, true) }

// Close notes in the container that no such blobs are left. To be called at the end,
// when everything is published and tidy.
func (e *Engine) Close(ctx context.Context) error { return e.setOpen(ctx, false) }

func (e *Engine) setOpen(ctx context.Context, open bool) error {
	b, err := e.bucket(ctx)
	if err != nil || b.Mark != nil && b.Mark.Open == open {
		return err
	}
	if b.Mark == nil {
		m, err := e.journal.Mark(ctx)
		if err != nil {
			return err
		}
		b.Mark = e.newMark(m.Newest, m.Publication, open)
	}
	b.Mark.Open = open
	b.Mark.State = strings.ToValidUTF8(e.options.StateName, "\uFFFD")
	return e.putBucket(ctx, b)
}

// putBucket replaces the bucket object.
func (e *Engine) putBucket(ctx context.Context, b clfs.Bucket) error {
	packed := clfs.Pack(nil, b.Append(nil), e.journal.Settings.Compression)
	if err := e.putInReach(ctx, BucketName, packed); err != nil {
		return fmt.Errorf("put bucket object: %w", err)
	}
	return blob.Sync(ctx, e.container)
}
