package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"clfsload/cmd/clfsload/flags"
	"clfsload/cmd/clfsload/terminal"
	"clfsload/fusefs"
	"clfsload/fusefs/daemon/wire"
	"clfsload/fusefs/warm"
	"clfsload/sync/outcome"
	"clfsload/sync/progress"
	"clfsload/sync/report"
)

// warmCommand is one run of warm.
type warmCommand struct {
	readers int
	json    bool
	log     terminal.LogFlags
}

// mostWarmReaders is the maximum of files read in parallel.
const mostWarmReaders = 256

func newWarmCommand() *cobra.Command {
	c := warmCommand{readers: 32}
	cmd := &cobra.Command{
		Use:   "warm MOUNTPOINT [PATH...]",
		Short: "Read files of a mount into its cache in advance",
		Long: `Read all regular files below PATH, so that the cache of the mount on MOUNTPOINT
has their contents. The default PATH is the whole mount. The mount must have a
cache: 'clfsload mount' with --cache or --cache-size.

PATH begins at MOUNTPOINT, or is a full path that leads into it. Symbolic links
are not followed, and mounts inside of MOUNTPOINT are not entered. The system's
page cache does not change.

Cached contents are read from the cache. So if a run was stopped, the same
command resumes quickly. If the files are larger than the cache, the contents
that were read first are evicted.`,
		Example: `  clfsload warm /mnt/clfs
  clfsload warm /mnt/clfs projects/2026 tools`,
		Args: argsBetween(1, 1_000_000),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0], args[1:]) },
	}
	fl := cmd.Flags()
	fl.IntVar(&c.readers, "concurrency", c.readers, "files read at a time")
	fl.BoolVar(&c.json, "json", false, "print the report as one JSON object")
	c.log.Register(fl)
	return cmd
}

func (c *warmCommand) run(cmd *cobra.Command, point string, paths []string) error {
	terminal.StayUp(cmd)
	ui, err := terminal.NewConsole(cmd.OutOrStdout(), cmd.ErrOrStderr(), c.log)
	if err != nil {
		return usageError(cmd, err)
	}
	if c.readers < 1 || c.readers > mostWarmReaders {
		return usageError(cmd, flags.OutOfRange("--concurrency", c.readers, 1, mostWarmReaders))
	}
	root, err := openCachedMount(point)
	if err != nil {
		return err
	}
	defer root.Close()
	r := warmReport{Failed: []wire.Left{}, log: ui}
	w, err := warm.New(root, r.add)
	if err != nil {
		return err
	}
	began := time.Now()
	stopped := runShown(cmd.Context(), w, ui, warmPaths(point, paths), c.readers)
	r.sum(w, time.Since(began))
	if err := r.print(ui, c.json, point); err != nil {
		return err
	}
	if stopped != nil {
		return goOn(outcome.OfContext(cmd.Context(), stopped))
	}
	if r.Failures > 0 {
		return outcome.New(outcome.Incomplete, fmt.Errorf("%d entries could not be read", r.Failures), "see the log of the mount for the reasons")
	}
	return nil
}

// warmPaths converts PATH arguments to paths below a mount point. A PATH begins at the mount point,
// with or without a slash, or is a full path that leads into it.
func warmPaths(point string, args []string) (paths []string) {
	whole, err := filepath.Abs(point)
	for _, arg := range args {
		if err == nil && (arg == whole || strings.HasPrefix(arg, whole+"/")) {
			arg = arg[len(whole):]
		}
		paths = append(paths, strings.Trim(arg, "/"))
	}
	if len(paths) == 0 {
		return []string{""}
	}
	return paths
}

// openCachedMount opens the mount point of a clfsload mount with a cache.
func openCachedMount(point string) (*os.File, error) {
	root, err := os.OpenFile(point, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, outcome.New(outcome.Usage, err, "MOUNTPOINT must be a mount point of a container")
	}
	cached, err := fusefs.HasCache(root)
	switch {
	case err != nil:
		err = outcome.New(outcome.Usage, err, "MOUNTPOINT must be a mount point of a container")
	case !cached:
		err = outcome.New(outcome.Usage, fmt.Errorf("the mount on %s has no cache", point), "mount with --cache-size, or with --read-only --cache")
	default:
		return root, nil
	}
	_ = root.Close()
	return nil, err
}

// runShown runs and shows progress. After the end of ctx, it does not wait for reads that the mount
// does not answer.
func runShown(ctx context.Context, w *warm.Warmer, ui *terminal.Console, paths []string, readers int) error {
	stop := ui.Display(ctx, func() progress.Sample {
		s := w.Sample()
		s.At = time.Now()
		return s
	})
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx, paths, readers)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// warmReport is the result of a run.
type warmReport struct {
	Files       int64       `json:"files"`
	Bytes       int64       `json:"bytes"`
	Directories int64       `json:"directories"`
	Others      int64       `json:"others"` // links, devices and other entries without contents
	Gone        int64       `json:"gone"`   // removed or replaced repeatedly during the run
	Failures    int64       `json:"failures"`
	Failed      []wire.Left `json:"failed"` // the first of them
	Seconds     float64     `json:"seconds"`

	log *terminal.Console
	mu  sync.Mutex
}

// add records an entry that could not be read.
func (r *warmReport) add(path string, err error) {
	reason := err.Error()
	var named *os.PathError
	if errors.As(err, &named) {
		reason = named.Err.Error()
	}
	r.log.Log.Error("not read", "path", path, "reason", reason)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.Failed) < wire.ListedLeft {
		r.Failed = append(r.Failed, wire.Left{Path: report.NewPath(path), Why: reason})
	}
}

func (r *warmReport) sum(w *warm.Warmer, took time.Duration) {
	c := &w.Counts
	r.Files, r.Bytes, r.Directories, r.Others = c.Files.Load(), c.Bytes.Load(), c.Directories.Load(), c.Others.Load()
	r.Gone, r.Failures, r.Seconds = c.Gone.Load(), c.Failures.Load(), took.Seconds()
}

func (r *warmReport) print(ui *terminal.Console, asJSON bool, point string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if asJSON {
		return json.NewEncoder(ui.Out).Encode(r)
	}
	fmt.Fprintf(ui.Out, "read %s files (%s) in %s directories of %s in %s\n", humanize.Comma(r.Files), report.Size(r.Bytes),
		humanize.Comma(r.Directories), point, time.Duration(r.Seconds*float64(time.Second)).Round(time.Millisecond))
	if r.Gone > 0 {
		fmt.Fprintf(ui.Out, "%s were removed or replaced meanwhile\n", humanize.Comma(r.Gone))
	}
	return nil
}
