package main

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"clfsload/clfs"
	"clfsload/cmd/clfsload/flags"
	"clfsload/cmd/clfsload/terminal"
	"clfsload/sync/engine"
	"clfsload/sync/load"
	"clfsload/sync/target"
)

// loadFlags are the flags of the load command.
type loadFlags struct {
	isNew             bool
	compression       string
	preserveHardlinks bool
	dirMgrCount       int
	concurrency       int
	scanWorkers       int // directories listed in parallel
	memory            flags.Size
	createContainer   bool
	maxErrors         int
	retryErrors       bool
	publishIncomplete bool
	verify            bool
	into              flags.Into
	filter            flags.Filter
	bandwidth         flags.Bandwidth
	dryRun            flags.DryRun
	uploadLog         flags.UploadLog
	metrics           flags.Metrics
	retry             target.Patience
	target            target.Sources
	log               terminal.LogFlags
}

// scanWorkers is the number of directories listed in parallel, if the limit of open files allows
// it. Listing mostly waits for the fsyncs of the journal.
const scanWorkers = 16

func newLoadCommand() *cobra.Command {
	f := loadFlags{memory: 96 << 20, scanWorkers: scanWorkers}
	cmd := &cobra.Command{
		Use:   "load [--new] STATE SOURCE TARGET | STATE SOURCE ACCOUNT CONTAINER [SAS]",
		Short: "Load a directory tree into a container",
		Long: `Load the tree below SOURCE into the container TARGET. Azure HPC Cache or Avere
vFXT can attach it afterwards.

STATE is a directory, on a local disk, for the journal of the transfer. With
--new, STATE must not exist and the container must be empty. To resume a
transfer that was stopped or killed, run the same command without --new.

With --into, SOURCE becomes the directory PATH of an existing container. Any
program may have written that container. Missing entries are added. An entry
that differs fails; with --update it is replaced. The same command without --new
loads later changes of SOURCE.

TARGET is dir:PATH, a local directory with a file for each blob; it is created
if it does not exist. Or TARGET is the URL of an Azure container, with or
without a SAS. The form with ACCOUNT, CONTAINER and SAS is that of CLFSLoad.`,
		Example: `  # load into a local directory
  clfsload load --new /var/tmp/state /data/projects dir:/mnt/stage/projects

  # load into Azure, with the credentials in the environment
  export AZURE_STORAGE_SAS_TOKEN='sv=…'
  clfsload load --new /var/tmp/state /data/projects https://myaccount.blob.core.windows.net/projects

  # resume after a crash
  clfsload load /var/tmp/state /data/projects https://myaccount.blob.core.windows.net/projects

  # add a tree to an existing container, and update it later
  clfsload load --new --into /results/run7 /var/tmp/run7 /scratch/run7 dir:/mnt/stage/projects
  clfsload load --into /results/run7 --update --delete /var/tmp/run7 /scratch/run7 dir:/mnt/stage/projects`,
		Args: argsBetween(3, 5),
		RunE: func(cmd *cobra.Command, args []string) error { return runLoad(cmd, args, f) },
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.isNew, "new", false, "begin a new transfer: into an empty container, or with --into into an existing one")
	fl.StringVar(&f.compression, "compression", "LZ4", "LZ4 or DISABLED")
	fl.BoolVar(&f.preserveHardlinks, "preserve-hardlinks", false, "keep hard links: names of one file remain one file with several links")
	fl.IntVar(&f.dirMgrCount, "dirmgr-count", clfs.DefaultDirMgrCount, "number of directory managers, 1 to 255; keep the default unless support asks for another value")
	fl.IntVar(&f.concurrency, "concurrency", 128, "files and requests in flight")
	fl.Var((*flags.WorkerThreads)(&f.concurrency), "worker-thread-count", "name of --concurrency in CLFSLoad")
	fl.Lookup("worker-thread-count").Hidden = true
	fl.Var(&f.memory, "memory", "bytes of buffers; after a crash, at most this much is uploaded again")
	fl.BoolVar(&f.createContainer, "create-container", false, "create the Azure container if it does not exist")
	fl.BoolVar(&f.verify, "verify", false, "after the publication, read the container back and check all of it")
	fl.IntVar(&f.maxErrors, "max-errors", 50, "stop when this many entries have failed; 0: never")
	fl.BoolVar(&f.retryErrors, "retry-errors", true, "retry entries that failed in an earlier run")
	fl.BoolVar(&f.publishIncomplete, "publish-incomplete", false, "publish without the entries that failed; the exit code is still 3")
	f.into.Register(fl)
	f.filter.Register(fl)
	f.bandwidth.Register(fl)
	f.dryRun.Register(fl)
	f.uploadLog.Register(fl)
	f.metrics.Register(fl)
	flags.RegisterRetries(fl, &f.retry)
	flags.RegisterTarget(fl, &f.target)
	f.log.Register(fl)
	return cmd
}

func runLoad(cmd *cobra.Command, args []string, f loadFlags) error {
	terminal.StayUp(cmd)
	ui, err := terminal.NewConsole(cmd.OutOrStdout(), cmd.ErrOrStderr(), f.log)
	if err != nil {
		return usageError(cmd, err)
	}
	if cmd.Flags().Changed("into") && f.into.Path == "" { // from an unset variable of a shell
		return usageError(cmd, errors.New("--into is empty: name a directory of the container, such as /"))
	}
	o, err := f.options(cmd, args, ui)
	switch {
	case err != nil:
		return err
	case f.dryRun.Only && f.into.Path != "":
		return runMergePlan(cmd.Context(), ui.Out, o, f.dryRun.JSON)
	case f.dryRun.Only:
		return runDryRun(cmd.Context(), ui, o, f.dryRun.JSON)
	}
	// The need for buffers varies in waves; without a limit the heap grows to twice the size in
	// use.
	debug.SetMemoryLimit(o.Memory + 128<<20)
	l, err := load.Open(cmd.Context(), o)
	if err != nil {
		return err
	}
	defer func() {
		if err := l.Close(cmd.Context()); err != nil {
			ui.Log.Warn("end the load", "error", err)
		}
	}()
	err = l.Run(cmd.Context(), ui.ShowProgress)
	printLoad(ui, l)
	if err == nil && f.verify {
		err = verifyContainer(cmd.Context(), ui, l.Container())
	}
	l.WriteReport(err)
	return err
}

// options are the settings of the command line.
func (f *loadFlags) options(cmd *cobra.Command, args []string, ui *terminal.Console) (o load.Options, err error) {
	if err := f.check(); err != nil {
		return o, usageError(cmd, err)
	}
	if !f.dryRun.Only || f.into.Path != "" { // that dry run looks at SOURCE alone
		if err := f.fitOpenFiles(ui.Log); err != nil {
			return o, err
		}
	}
	o = load.Options{Sources: f.target, Patience: f.retry, IsNew: f.isNew, CreateContainer: f.createContainer, PreserveHardlinks: f.preserveHardlinks,
		DirMgrCount: f.dirMgrCount, Include: f.filter.Include, Exclude: f.filter.Exclude, Merge: f.into.Merge(), Detached: f.into.Detached,
		Given: cmd.Flags().Changed, Concurrency: f.concurrency, ScanWorkers: f.scanWorkers, Memory: int64(f.memory), Bandwidth: int64(f.bandwidth.Limit),
		MaxErrors: f.maxErrors, RetryErrors: f.retryErrors, PublishIncomplete: f.publishIncomplete, UploadLog: !f.uploadLog.Disabled,
		ExpectedObjects: f.dryRun.Count, ExpectedBytes: int64(f.dryRun.GB * 1e9), MetricsAddress: f.metrics.Address,
		Version: version, Log: ui.Log, File: ui.File, LogTo: ui.LogTo}
	if o.Target, o.StateDir, o.Source, err = placesOf(cmd, args); err != nil {
		return o, err
	}
	if o.Filter, err = f.filter.Compile(); err != nil {
		return o, usageError(cmd, err)
	}
	o.Compression, err = flags.ParseCompression(f.compression)
	return o, err
}

// check refuses values out of range.
func (f *loadFlags) check() error {
	switch {
	case f.concurrency < 1 || f.concurrency > flags.MaxConcurrency:
		return flags.OutOfRange("--concurrency", f.concurrency, 1, flags.MaxConcurrency)
	case f.dirMgrCount < 1 || f.dirMgrCount > 255:
		return flags.OutOfRange("--dirmgr-count", f.dirMgrCount, 1, 255)
	case f.maxErrors < 0:
		return fmt.Errorf("--max-errors %d: it must not be negative", f.maxErrors)
	case f.memory < engine.MinMemory:
		return flags.TooLittleMemory(f.memory, engine.MinMemory)
	}
	if err := flags.CheckRetries(&f.retry); err != nil {
		return err
	}
	if err := f.dryRun.Check(); err != nil {
		return err
	}
	if err := f.into.Check(); err != nil {
		return err
	}
	_, err := flags.ParseCompression(f.compression)
	return err
}
