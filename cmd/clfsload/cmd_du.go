package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"clfsload/clfs"
	"clfsload/cmd/clfsload/terminal"
	"clfsload/sync/outcome"
	"clfsload/sync/report"
	"clfsload/sync/tree"
)

func newDuCommand() *cobra.Command {
	f := newReadFlags()
	d := duCommand{depth: 1}
	cmd := &cobra.Command{
		Use:   "du TARGET [PATH]",
		Short: "Sum up the entries below a directory",
		Long: `Sum up sizes and numbers of the entries below PATH in the container TARGET. The
default PATH is the root. One line is printed for each directory down to
--max-depth, and one for the total.

The columns are: size in bytes (as in the inodes), files (all entries except
directories), directories, path. A file with several links is counted at the
first one.`,
		Example: `  clfsload du dir:/mnt/stage/projects
  clfsload du --bytes --max-depth 0 https://myaccount.blob.core.windows.net/projects /src`,
		Args: argsBetween(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return d.run(cmd, args, f) },
	}
	fl := cmd.Flags()
	fl.IntVarP(&d.depth, "max-depth", "d", d.depth, "print a line for directories down to this depth")
	fl.BoolVarP(&d.bytes, "bytes", "b", false, "print sizes in bytes, not in KiB, MiB and so on")
	fl.BoolVar(&d.json, "json", false, "print one JSON object a line")
	f.register(cmd)
	return cmd
}

// duCommand is one run of du.
type duCommand struct {
	depth       int
	bytes, json bool

	mu     sync.Mutex
	sums   map[string]*usage
	linked map[clfs.ID]bool // files with several links that are already counted
	damage int
	errors []string
}

// usage is the sum over one directory.
type usage struct {
	Path        string `json:"path"`
	PathBytes   []byte `json:"path_bytes,omitempty"`
	Bytes       uint64 `json:"bytes"`
	Files       int64  `json:"files"`
	Directories int64  `json:"directories"`
}

func (d *duCommand) run(cmd *cobra.Command, args []string, f readFlags) error {
	path := ""
	if len(args) > 1 {
		path = args[1]
	}
	t, err := f.openTree(cmd, args[0], path, aTree)
	if err != nil {
		return err
	}
	defer t.Close()
	ctx := cmd.Context()
	n, err := t.Lookup(ctx, path)
	if err != nil {
		return outcome.OfContext(ctx, err)
	}
	d.sums, d.linked = map[string]*usage{}, map[clfs.ID]bool{}
	if err := d.walk(ctx, t, n, containerPath(path)); err != nil {
		return outcome.OfContext(ctx, err)
	}
	if err := d.print(cmd); err != nil {
		return err
	}
	tellPassedOver(cmd.ErrOrStderr(), t)
	return d.damaged(cmd)
}

func (d *duCommand) walk(ctx context.Context, t *tree.Tree, n *tree.Node, path string) error {
	d.sum(path)
	if err := d.fail(path, n.Check()); err != nil {
		return err
	}
	if !n.IsDir() {
		d.add(path, path, n)
		return nil
	}
	return t.Walk(ctx, n, path, tree.Visitor{
		Entry: func(_ context.Context, v tree.Visited) error {
			if v.Err != nil {
				return d.fail(v.Path(), v.Err)
			}
			d.add(path, v.Path(), v.Node)
			return d.fail(v.Path(), v.Damage)
		},
		Lost: func(dir *tree.Dir, err error) error { return d.fail(dir.Path, err) },
	})
}

// fail records damage, and directories at a second place; any other error ends the walk.
func (d *duCommand) fail(path string, err error) error {
	damaged := errors.Is(err, tree.ErrDamaged)
	if err == nil || !damaged && !errors.Is(err, tree.ErrMoving) {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if damaged {
		d.damage++
	}
	if len(d.errors) < report.Shown {
		d.errors = append(d.errors, fmt.Sprintf("%q: %s", path, outcome.OneLine(err)))
	}
	return nil
}

func (d *duCommand) damaged(cmd *cobra.Command) error {
	for _, e := range d.errors {
		fmt.Fprintf(cmd.ErrOrStderr(), "clfsload: %s\n", e)
	}
	if d.damage > 0 {
		return fmt.Errorf("%d entries are damaged, and the sums may be too small: %w", d.damage, tree.ErrDamaged)
	}
	return nil
}

func (d *duCommand) sum(path string) *usage {
	u := d.sums[path]
	if u == nil {
		text := newText(path)
		u = &usage{Path: text.Text, PathBytes: text.Bytes}
		d.sums[path] = u
	}
	return u
}

// add counts the inode at path in start, and in all printed directories above it.
func (d *duCommand) add(start, path string, n *tree.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(n.Inode.BackPointers) > 1 {
		if d.linked[n.ID] {
			return
		}
		d.linked[n.ID] = true
	}
	d.sum(start).count(n)
	rest := strings.TrimPrefix(strings.TrimPrefix(path, start), "/")
	at := strings.TrimSuffix(start, "/")
	for range d.depth {
		name, below, deeper := strings.Cut(rest, "/")
		if !deeper && !n.IsDir() || name == "" {
			return
		}
		at, rest = at+"/"+name, below
		u := d.sum(at)
		if deeper {
			u.count(n)
		}
	}
}

func (u *usage) count(n *tree.Node) {
	if n.IsDir() {
		u.Directories++
		return
	}
	u.Files++
	u.Bytes += n.Inode.Attr.Size
}

func (d *duCommand) print(cmd *cobra.Command) error {
	out := bufio.NewWriter(terminal.Listing(cmd.OutOrStdout()))
	encoder, onTerminal := json.NewEncoder(out), terminal.IsTerminal(cmd.OutOrStdout())
	paths := slices.Sorted(maps.Keys(d.sums))
	slices.Reverse(paths) // the total comes last, as in du
	for _, path := range paths {
		u := d.sums[path]
		if d.json {
			if err := encoder.Encode(u); err != nil {
				return err
			}
			continue
		}
		size := report.Size(int64(u.Bytes))
		if d.bytes {
			size = fmt.Sprint(u.Bytes)
		}
		fmt.Fprintf(out, "%s\t%d\t%d\t%s\n", size, u.Files, u.Directories, quotedOn(onTerminal, path))
	}
	return out.Flush()
}
