package scan

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"clfsload/state"
	"clfsload/sync/scan/filter"
)

// SourceError says that the source tree as a whole cannot be read.
type SourceError struct {
	Path string
	Op   string
	Err  error
}

func (e *SourceError) Error() string { return fmt.Sprintf("%s source %s: %v", e.Op, e.Path, e.Err) }
func (e *SourceError) Unwrap() error { return e.Err }

// Options are the settings of a listing.
type Options struct {
	Workers int           // directories read in parallel, 1 or more
	Filter  filter.Filter // which entries are taken
	// Failed is called, possibly from several goroutines, for every entry that
	// cannot be read.
	Failed func(path string, p state.Failure)
	Merge  *Merge // the namespace of the journal existed before; nil: it is that of the tree
}

// Scanner lists a tree into a journal.
type Scanner struct {
	tree    *Tree
	journal *state.Journal
	options Options

	comparing *semaphore.Weighted // bounds the files of which contents are compared
}

// NewScanner returns a Scanner.
func NewScanner(tree *Tree, journal *state.Journal, o Options) *Scanner {
	return &Scanner{tree: tree, journal: journal, options: o, comparing: semaphore.NewWeighted(int64(o.Workers))}
}

// Run lists every unscanned directory, and all below it. When it returns nil, all entries are in
// the journal, and links that waited for further names are queued. Unreadable entries are failures
// in the journal, not errors of Run. If the root directory is unreadable, the error is a
// *SourceError. At the end, Run removes the extras of a merge.
func (s *Scanner) Run(ctx context.Context) error {
	if err := s.list(ctx); err != nil {
		return err
	}
	if err := s.journal.ReleaseLinks(ctx); err != nil {
		return err
	}
	return s.removeExtras(ctx)
}

func (s *Scanner) list(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	todo := make(chan state.Inode)
	finished := make(chan state.Ino, s.options.Workers)
	for range s.options.Workers {
		g.Go(func() error { return s.work(ctx, todo, finished) })
	}
	g.Go(func() error {
		defer close(todo)
		return s.dispatch(ctx, todo, finished)
	})
	return g.Wait()
}

func (s *Scanner) work(ctx context.Context, todo <-chan state.Inode, finished chan<- state.Ino) error {
	for dir := range todo {
		if err := s.scanDirectory(ctx, dir); err != nil {
			return err
		}
		select {
		case finished <- dir.Ino:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// dispatch feeds the workers from the journal until no directory is unscanned.
func (s *Scanner) dispatch(ctx context.Context, todo chan<- state.Inode, finished <-chan state.Ino) error {
	busy := map[state.Ino]bool{}
	for {
		found, err := s.journal.UnscannedDirectories(ctx, len(busy)+2*s.options.Workers)
		if err != nil {
			return err
		}
		// Before the first is sent: a directory that is completed meanwhile was unscanned when it
		// was found, and must not be taken again.
		found = slices.DeleteFunc(found, func(dir state.Inode) bool { return busy[dir.Ino] })
		for _, dir := range found {
			if err := s.send(ctx, dir, busy, todo, finished); err != nil {
				return err
			}
		}
		if len(found) > 0 {
			continue
		}
		if len(busy) == 0 {
			return nil
		}
		select {
		case ino := <-finished:
			delete(busy, ino)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *Scanner) send(ctx context.Context, dir state.Inode, busy map[state.Ino]bool, todo chan<- state.Inode, finished <-chan state.Ino) error {
	for {
		select {
		case todo <- dir:
			busy[dir.Ino] = true
			return nil
		case ino := <-finished:
			delete(busy, ino)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
