package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	pathlib "path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"clfsload/clfs"
	"clfsload/cmd/clfsload/terminal"
	"clfsload/rescue"
	"clfsload/sync/outcome"
	"clfsload/sync/tree"
)

func newLsCommand() *cobra.Command {
	f := newReadFlags()
	var l lister
	cmd := &cobra.Command{
		Use:   "ls TARGET [PATH]",
		Short: "List a directory of a container",
		Long: `List the directory PATH of the container TARGET. The default PATH is the root.
The output looks like that of ls, but includes names that begin with a dot.

On a terminal, names that are not text are quoted. In a pipe they are unchanged.
With --json, one object is printed a line. If a path is not UTF-8, path_bytes
has its bytes in base64.`,
		Example: `  clfsload ls dir:/mnt/stage/projects
  clfsload ls -l https://myaccount.blob.core.windows.net/projects /src
  clfsload ls -R --json dir:/mnt/stage/projects | jq -r 'select(.size > 1e9) | .path'`,
		Args: argsBetween(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return l.run(cmd, args, f) },
	}
	fl := cmd.Flags()
	fl.BoolVarP(&l.long, "long", "l", false, "print mode, links, owner, size and time of each entry")
	fl.BoolVarP(&l.recursive, "recursive", "R", false, "list all directories below, too")
	fl.BoolVarP(&l.unsorted, "unsorted", "U", false, "print at once, in the container's order: for directories too large to sort in memory")
	fl.BoolVar(&l.json, "json", false, "print one JSON object a line")
	f.register(cmd)
	return cmd
}

// lister is one run of ls.
type lister struct {
	long, recursive, unsorted, json bool

	t        *tree.Tree
	out      *bufio.Writer
	err      io.Writer
	terminal bool
	titled   bool // a directory's name stands before its entries
	damage   error
}

func (l *lister) run(cmd *cobra.Command, args []string, f readFlags) error {
	path := ""
	if len(args) > 1 {
		path = args[1]
	}
	t, err := f.openTree(cmd, args[0], path, l.scope())
	if err != nil {
		return err
	}
	defer t.Close()
	l.t, l.out, l.err, l.terminal = t, bufio.NewWriter(l.output(cmd)), cmd.ErrOrStderr(), terminal.IsTerminal(cmd.OutOrStdout())
	err = l.list(cmd.Context(), path)
	if flushErr := l.out.Flush(); err == nil {
		err = flushErr
	}
	tellPassedOver(l.err, t)
	return outcome.OfContext(cmd.Context(), errors.Join(err, l.damage))
}

// output writes names unchanged; JSON escapes them as it must.
func (l *lister) output(cmd *cobra.Command) io.Writer {
	if l.json {
		return cmd.OutOrStdout()
	}
	return terminal.Listing(cmd.OutOrStdout())
}

func (l *lister) scope() scope {
	switch {
	case l.recursive:
		return aTree
	case l.long || l.json:
		return aDirectory
	}
	return aPath
}

func (l *lister) list(ctx context.Context, path string) error {
	n, err := l.t.Lookup(ctx, path)
	if err != nil {
		return err
	}
	if !n.IsDir() {
		return l.entry(ctx, listed{name: strings.Trim(path, "/"), path: containerPath(path), id: n.ID, node: n})
	}
	if !l.recursive {
		_, err := l.directory(ctx, n, containerPath(path))
		return err
	}
	return l.below(ctx, n, containerPath(path))
}

// waiting is a directory that ls -R has not listed yet.
type waiting struct {
	id   clfs.ID
	path string
}

// below lists directories depth first, as ls -R does. A directory that was already listed is a
// loop, and is not listed again.
func (l *lister) below(ctx context.Context, n *tree.Node, path string) error {
	seen := map[clfs.ID]bool{}
	for stack := []waiting{{n.ID, path}}; len(stack) > 0; {
		d := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[d.id] {
			again := l.t.Again(ctx, "object "+d.id.String(), pathlib.Base(d.path), d.id)
			if err := l.survive(ctx, d.path, again); err != nil {
				return err
			}
			continue
		}
		seen[d.id] = true
		n, err := l.t.Node(ctx, d.id)
		if err == nil {
			l.title(d.path)
			var found []waiting
			found, err = l.directory(ctx, n, d.path)
			slices.Reverse(found)
			stack = append(stack, found...)
		}
		if err := l.survive(ctx, d.path, err); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) title(path string) {
	if l.json {
		return
	}
	if l.titled {
		fmt.Fprintln(l.out)
	}
	l.titled = true
	fmt.Fprintf(l.out, "%s:\n", quotedOn(l.terminal, path))
}

// listed is an entry to print.
type listed struct {
	name, path string
	id         clfs.ID
	node       *tree.Node // nil if it was not needed
	err        error
}

// lsBatch is how many entries are looked up at a time.
const lsBatch = 1024

// directory prints a directory's entries, and returns its subdirectories.
func (l *lister) directory(ctx context.Context, n *tree.Node, path string) (subdirectories []waiting, err error) {
	var batch []listed
	for e, err := range l.t.Entries(ctx, n) {
		if err := l.survive(ctx, path, err); err != nil {
			return nil, err
		}
		if err != nil || string(e.Name) == "." || string(e.Name) == ".." {
			continue
		}
		name := string(e.Name)
		if !tree.ValidName(e.Name) {
			l.fail(path, fmt.Errorf("%w: entry %q, which cannot be a file's name", tree.ErrDamaged, name))
		}
		batch = append(batch, listed{name: name, path: strings.TrimSuffix(path, "/") + "/" + name, id: e.ID})
		if l.unsorted && len(batch) == lsBatch {
			found, err := l.printAll(ctx, batch)
			if err != nil {
				return nil, err
			}
			subdirectories, batch = append(subdirectories, found...), batch[:0]
		}
	}
	if !l.unsorted {
		slices.SortStableFunc(batch, func(a, b listed) int { return strings.Compare(a.name, b.name) })
	}
	found, err := l.printAll(ctx, batch)
	return append(subdirectories, found...), err
}

// printAll prints entries in order, a batch at a time.
func (l *lister) printAll(ctx context.Context, entries []listed) (subdirectories []waiting, err error) {
	for batch := range slices.Chunk(entries, lsBatch) {
		if err := l.look(ctx, batch); err != nil {
			return nil, err
		}
		for _, e := range batch {
			if err := l.entry(ctx, e); err != nil {
				return nil, err
			}
			if e.node != nil && e.node.IsDir() {
				subdirectories = append(subdirectories, waiting{e.id, e.path})
			}
		}
	}
	return subdirectories, ctx.Err()
}

// entry prints an entry and reports its damage.
func (l *lister) entry(ctx context.Context, e listed) error {
	err := e.err
	if e.node != nil {
		err = e.node.Check()
	}
	if err := l.survive(ctx, e.path, err); err != nil {
		return err
	}
	return l.print(e)
}

// look reads the inodes of a batch that the output needs.
func (l *lister) look(ctx context.Context, batch []listed) error {
	g := rescue.NewGroup()
	g.SetLimit(lsBatch)
	for i := range batch {
		e := &batch[i]
		if l.needsInode(e.id) {
			g.Go(func() error {
				e.node, e.err = l.t.Node(ctx, e.id)
				return nil
			})
		}
	}
	return g.Wait()
}

// needsInode reports whether an entry's inode must be read. The filehandle alone shows that an
// entry is no directory.
func (l *lister) needsInode(id clfs.ID) bool {
	if l.long || l.json {
		return true
	}
	h, err := clfs.ParseHandle(id)
	return l.recursive && (err != nil || h.Type == clfs.TypeDirectory)
}

func (l *lister) print(e listed) error {
	if l.json {
		return json.NewEncoder(l.out).Encode(newInodeJSON(e.path, e.id, e.node, e.err))
	}
	name := quotedOn(l.terminal, e.name)
	line := name
	switch {
	case l.long && e.err == nil:
		line = longLine(e.node, name, l.terminal)
	case l.long:
		line = "??????????    ? ?        ?                   ?                ? " + name
	}
	_, err := fmt.Fprintln(l.out, line)
	return err
}

// survive reports damage, after which the listing continues, and returns any other error.
func (l *lister) survive(ctx context.Context, path string, err error) error {
	if errors.Is(err, tree.ErrMoving) {
		l.tell(path, err)
		return nil
	}
	if err == nil || ctx.Err() != nil || !errors.Is(err, tree.ErrDamaged) {
		return err
	}
	l.fail(path, err)
	return nil
}

func (l *lister) tell(path string, err error) {
	_ = l.out.Flush() // the last flush returns this error too
	fmt.Fprintf(l.err, "clfsload: %q: %s\n", path, outcome.OneLine(err))
}

func (l *lister) fail(path string, err error) {
	l.tell(path, err)
	if l.damage == nil {
		l.damage = fmt.Errorf("some of the listing is damaged or missing: %w", tree.ErrDamaged)
	}
}

// tellPassedOver reports objects and records that a reader skipped.
func tellPassedOver(w io.Writer, t *tree.Tree) {
	p := t.PassedOver()
	for _, c := range []struct {
		n    int64
		what string
	}{
		{p.OlderVersions, "older versions"}, {p.Snapshots, "objects of other snapshots"}, {p.Tombstones, "tombstones"},
		{p.UnknownRecords, "unknown records"}, {p.ExtAttrs, "extended attributes"},
	} {
		if c.n > 0 {
			fmt.Fprintf(w, "clfsload: skipped %d %s\n", c.n, c.what)
		}
	}
}
