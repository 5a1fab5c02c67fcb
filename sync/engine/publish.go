package engine

import (
	"context"
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
)

// ErrIncomplete: entries failed, so that there is nothing to publish.
var ErrIncomplete = errors.New("entries failed")

// Publish writes the directories, the deepest first, and the root last: then the
// container is attachable. To be called after Transfer. When entries failed it
// returns ErrIncomplete, unless incomplete is set: then they are left out, and so
// is everything that they have left in the container. The logs are put before the
// root. It may be repeated.
func (e *Engine) Publish(ctx context.Context, incomplete bool, logs ...Log) error {
	if e.journal.Totals().Failures > 0 {
		if !incomplete {
			return ErrIncomplete
		}
		if err := e.leaveOutFailed(ctx); err != nil {
			return fmt.Errorf("leave out failed entries: %w", err)
		}
	}
	if err := e.recorder.during(ctx, e.putDirectories); err != nil {
		return err
	}
	if err := e.markLoad(ctx); err != nil {
		return err
	}
	if err := e.putLogs(ctx, logs); err != nil {
		return err
	}
	root, err := e.journal.Inode(ctx, state.RootIno)
	if err != nil {
		return err
	}
	if err := e.recorder.during(ctx, func(ctx context.Context) error {
		return e.putAndRecord(ctx, root)
	}); err != nil {
		return fmt.Errorf("publish the root: %w", err)
	}
	return e.journal.SetPhase(ctx, state.PhaseComplete)
}

// leaveOutFailed removes what failed inodes may have in the container.
func (e *Engine) leaveOutFailed(ctx context.Context) error {
	if err := e.journal.KeepListed(ctx); err != nil {
		return err
	}
	return e.eachPage(ctx, e.journal.GivenUp, e.removeInode)
}

// eachPage calls fn for every inode that list returns.
func (e *Engine) eachPage(ctx context.Context, list func(context.Context, state.Ino, int) ([]state.Inode, error),
	fn func(context.Context, state.Inode) error) error {
	var after state.Ino
	for {
		page, err := list(ctx, after, feedPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, in := range page {
			if err := fn(ctx, in); err != nil {
				return err
			}
		}
		after = page[len(page)-1].Ino
	}
}

func (e *Engine) removeInode(ctx context.Context, in state.Inode) error {
	back, err := e.journal.BackPointers(ctx, in)
	if err != nil {
		return err
	}
	if err := e.remove(ctx, in.ID, back[0], in.Attr.Type); err != nil {
		return err
	}
	switch in.Attr.Type {
	case clfs.TypeRegular:
		return e.removeBlocks(ctx, in, 0)
	case clfs.TypeDirectory:
		segments, err := e.journal.ReservedSegments(ctx, in.Ino)
		if err != nil {
			return err
		}
		return e.removeSegments(ctx, in.ID, segments, 0)
	}
	return nil
}

// putDirectories uploads all directories but the root, a level at a time: when a
// level begins, those below are recorded.
func (e *Engine) putDirectories(ctx context.Context) error {
	for {
		depth, ok, err := e.journal.DeepestHeld(ctx)
		if err != nil {
			return err
		}
		if !ok || depth == 0 {
			return nil
		}
		if err := e.putLevel(ctx, depth); err != nil {
			return err
		}
	}
}

func (e *Engine) putLevel(ctx context.Context, depth int) error {
	var after state.Ino
	for {
		page, err := e.journal.HeldDirectories(ctx, depth, after, feedPage)
		if err != nil {
			return err
		}
		g, gctx := rescue.WithContext(ctx)
		g.SetLimit(e.options.Concurrency)
		for _, dir := range page {
			g.Go(func() error { return e.putAndRecord(gctx, dir) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if len(page) < feedPage {
			return e.recorder.drain(ctx)
		}
		after = page[len(page)-1].Ino
	}
}

func (e *Engine) putAndRecord(ctx context.Context, dir state.Inode) error {
	path := e.pathOf(ctx, dir)
	if err := e.putDirectory(ctx, path, dir); err != nil {
		return fmt.Errorf("put directory %q: %w", path(), err)
	}
	e.recorder.add(event{outcome: state.Outcome{Inode: dir, Attr: dir.Attr}})
	e.stats.Inodes.Add(1)
	return nil
}

// Begin makes sure that the container is the journal's, before anything else is
// put: that of a new journal must be empty, and gets its bucket object. Any other must
// hold what the journal has published last. Errors: ErrNotEmpty, ErrForeign,
// ErrOtherPublication, and those of requests.
func (e *Engine) Begin(ctx context.Context) error {
	if e.journal.Phase() != state.PhaseNew {
		if _, err := e.bucket(ctx); err != nil {
			return err
		}
		return e.checkRoot(ctx)
	}
	if err := CheckEmpty(ctx, e.container, BucketName); err != nil {
		return err
	}
	if err := e.checkClaim(ctx); err != nil {
		return err
	}
	m, err := e.journal.Mark(ctx)
	if err != nil {
		return err
	}
	first := clfs.Bucket{UUID: e.journal.Settings.BucketUUID, Mark: e.newMark(true)}
	first.Mark.ID = m.Newest
	if err := e.putBucket(ctx, first); err != nil {
		return err
	}
	return e.journal.SetPhase(ctx, state.PhaseTransfer)
}

// checkClaim returns ErrForeign when another transfer has put its bucket object.
// What a power cut has left of our own is no other's.
func (e *Engine) checkClaim(ctx context.Context) error {
	_, err := e.container.Get(ctx, BucketName, 0, 0)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("look for the bucket object in %s: %w", e.container, err)
	}
	var cut *clfs.FormatError
	if _, err = e.bucket(ctx); errors.As(err, &cut) {
		return nil
	}
	return err
}
