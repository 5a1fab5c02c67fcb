package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"clfsload/cmd/clfsload/background"
	"clfsload/cmd/clfsload/terminal"
	"clfsload/sync/outcome"
	"clfsload/sync/progress"
	"clfsload/sync/report"
	"clfsload/sync/tree"
	"clfsload/sync/tree/export"
)

func newExportCommand() *cobra.Command {
	f := newReadFlags()
	var e exportCommand
	cmd := &cobra.Command{
		Use:   "export TARGET [PATH] DEST",
		Short: "Copy a container's tree back to a disk",
		Long: `Copy the tree below PATH in the container TARGET into the directory DEST. The
default PATH is the root. The copy has contents with their holes, modes, times
to the nanosecond, symbolic and hard links, fifos, devices, sockets and, as
root, owners. If PATH is no directory, it is copied into DEST under its own
name.

An ordinary user restores modes, times, the groups of that user, and the set-id
bits of files that keep their owner or group. All other attributes are counted;
devices are named, and the exit code is 3.

If a run was stopped, the same command resumes it: a file with the same size,
mtime, owner, group and mode is not copied again. A file that differs is an
error, unless --overwrite is given.

Nothing is written outside of DEST. Names that lead elsewhere are refused, and
symbolic links in DEST are not followed. Other users may change their own
directories in DEST during the export; a directory that they moved or replaced
is an error. If another user moves a directory of the export, entries below it
may be written at its new place until the export detects the move.

From a damaged container, --keep-going exports everything that can be read. It
names the failures on standard error and, with --report, in a file of JSON
lines. If a part of a file is lost, the file gets the suffix ` + export.DamagedSuffix + `
and a hole in that place. --lost-found adds entries without a directory, below
DEST/` + export.LostFoundName + `/ID-OF-THE-FORMER-DIRECTORY.`,
		Example: `  clfsload export https://myaccount.blob.core.windows.net/projects /data/projects
  clfsload export dir:/mnt/stage/projects /src /tmp/src

  # whatever is left of a container without its root
  clfsload export --keep-going --lost-found --report lost.json dir:/mnt/stage/projects /data/rescued`,
		Args: argsBetween(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error { return e.run(cmd, args, f) },
	}
	fl := cmd.Flags()
	fl.BoolVar(&e.options.Overwrite, "overwrite", false, "replace files in DEST that differ from the container")
	fl.BoolVar(&e.options.KeepGoing, "keep-going", false, "report what cannot be exported, and continue")
	fl.BoolVar(&e.options.LostFound, "lost-found", false, "export entries without a directory, too; needs --keep-going")
	fl.StringVar(&e.report, "report", "", "write a JSON line for each failure to this file")
	f.register(cmd)
	e.log.Register(fl)
	return cmd
}

// exportCommand is one run of export.
type exportCommand struct {
	options export.Options
	report  string
	log     terminal.LogFlags
}

func (e *exportCommand) run(cmd *cobra.Command, args []string, f readFlags) error {
	terminal.StayUp(cmd)
	ui, err := terminal.NewConsole(cmd.OutOrStdout(), cmd.ErrOrStderr(), e.log)
	if err != nil {
		return usageError(cmd, err)
	}
	path, dest := "/", args[len(args)-1]
	if len(args) == 3 {
		path = containerPath(args[1])
	}
	switch {
	case e.options.LostFound && !e.options.KeepGoing:
		return usageError(cmd, errors.New("--lost-found needs --keep-going"))
	case e.options.LostFound && path != "/":
		return usageError(cmd, errors.New("--lost-found searches the whole container: leave out PATH"))
	}
	if err := e.checkSites(args[0], dest); err != nil {
		return err
	}
	t, start, err := e.open(cmd, f, args[0], path)
	if err != nil {
		return outcome.OfContext(cmd.Context(), err)
	}
	defer t.Close()
	return e.export(cmd.Context(), ui, t, start, path, dest)
}

// open finds the root of the export. A rescue begins without a bucket object or a root if they are
// missing.
func (e *exportCommand) open(cmd *cobra.Command, f readFlags, target, path string) (*tree.Tree, *tree.Node, error) {
	ctx := cmd.Context()
	if !e.options.KeepGoing {
		t, err := f.openTree(cmd, target, path, aTree)
		if err != nil {
			return nil, nil, err
		}
		n, err := t.Lookup(ctx, path)
		return t, n, err
	}
	t, err := f.newTree(cmd, target)
	if err != nil {
		return nil, nil, err
	}
	if _, err := t.BuildIndex(ctx); err != nil {
		return nil, nil, err
	}
	n, err := t.Lookup(ctx, path)
	if e.options.LostFound && (errors.Is(err, tree.ErrUnfinished) || errors.Is(err, tree.ErrDamaged)) {
		fmt.Fprintf(cmd.ErrOrStderr(), "clfsload: the root cannot be read: %s\n", err)
		return t, nil, nil
	}
	if errors.Is(err, tree.ErrDamaged) {
		err = outcome.New(outcome.Damaged, err, "entries below it are unreachable; --lost-found, without PATH, exports them")
	}
	return t, n, err
}

func (e *exportCommand) export(ctx context.Context, ui *terminal.Console, t *tree.Tree, start *tree.Node, path, dest string) (err error) {
	if e.report != "" {
		if err := background.MayAppend(e.report); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	reported := &failureLog{ui: ui}
	e.options.Owners = os.Geteuid() == 0
	e.options.Failed = reported.add
	e.options.Twice = func(f export.Failure) {
		ui.Log.Warn("exported at another place", "path", f.Path, "object", f.Object, "reason", f.Reason)
	}
	if m := t.OpenMark(ctx); m != nil {
		ui.Log.Warn("the container is open: its mount has not ended, so the export may mix several moments", "state", m.State, "publication", m.Publication)
	}
	x, err := export.New(t, start, dest, e.options)
	if err != nil {
		return err
	}
	defer x.Close()
	if err := reported.open(e.report); err != nil {
		return err
	}
	began := time.Now()
	stop := ui.Display(ctx, func() progress.Sample {
		c := x.Counts()
		done := c.Files + c.Others + c.Skipped + c.Directories
		return progress.Sample{At: time.Now(), Done: done, Found: done, Bytes: c.Bytes, Total: c.Bytes, Failures: c.Failures}
	})
	err = x.Run(ctx, path)
	stop()
	printExport(ui, x.Counts(), time.Since(began), dest)
	tellPassedOver(ui.Err, t)
	err = errors.Join(err, reported.close())
	switch {
	case errors.Is(err, export.ErrInTheWay):
		return outcome.New(outcome.Failure, err, "--overwrite replaces it, --keep-going keeps it")
	case err != nil:
		return goOn(outcome.OfContext(ctx, err))
	case x.Counts().Damaged > 0 && !e.options.KeepGoing:
		return outcome.New(outcome.Damaged, fmt.Errorf("%d entries break the format; they were exported as they are: %w", x.Counts().Damaged, tree.ErrDamaged), "'clfsload verify' lists all damage")
	case x.Counts().Failures > 0:
		return outcome.New(outcome.Incomplete, fmt.Errorf("%d entries could not be exported completely", x.Counts().Failures), "")
	case start == nil:
		return outcome.New(outcome.Incomplete, errors.New("the root is lost: everything that was found is in "+export.LostFoundName), "")
	}
	return nil
}

// goOn adds the hint how to resume to the message of a stopped run.
func goOn(err error) error {
	var stopped outcome.Stopped
	if errors.As(err, &stopped) {
		code, _ := outcome.Classify(stopped)
		return outcome.New(code, stopped, "run the same command again to resume")
	}
	return err
}

func printExport(ui *terminal.Console, c export.Counts, took time.Duration, dest string) {
	fmt.Fprintf(ui.Out, "exported %s files (%s written), %s directories, %s others to %s in %s\n", humanize.Comma(c.Files), report.Size(c.Bytes),
		humanize.Comma(c.Directories), humanize.Comma(c.Others), dest, took.Round(time.Millisecond))
	if c.Skipped > 0 {
		fmt.Fprintf(ui.Out, "%s existed already\n", humanize.Comma(c.Skipped))
	}
	printLeft(ui, c.Left)
}

// failureLog records entries that could not be exported.
type failureLog struct {
	ui   *terminal.Console
	file *os.File // nil without --report

	mu  sync.Mutex
	err error
}

// open creates the report file, after all other checks; "" for no report.
func (l *failureLog) open(path string) (err error) {
	if path == "" {
		return nil
	}
	if l.file, err = createReport(path); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func (l *failureLog) add(f export.Failure) {
	l.ui.Log.Error("not exported", "path", f.Path, "object", f.Object, "reason", f.Reason)
	if l.file == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := json.NewEncoder(l.file).Encode(f); l.err == nil {
		l.err = err
	}
}

func (l *failureLog) close() error {
	if l.file == nil {
		return nil
	}
	return errors.Join(l.err, l.file.Close())
}
