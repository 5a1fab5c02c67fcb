package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"clfsload/cmd/clfsload/background"
	"clfsload/cmd/clfsload/flags"
	"clfsload/cmd/clfsload/terminal"
	"clfsload/fusefs"
	"clfsload/fusefs/daemon"
	"clfsload/fusefs/writable"
	"clfsload/sync/engine"
	"clfsload/sync/outcome"
	"clfsload/sync/target"
)

// mountFlags are those of mount.
type mountFlags struct {
	readFlags
	cache    flags.Cache
	log      terminal.LogFlags
	target   string
	readOnly bool
	follow   time.Duration // 0: later publications are not shown
	point    fusefs.PointOptions
	daemon   bool
	logFile  string

	// For a writable mount.
	state             string
	createContainer   bool
	compression       string
	settle            time.Duration
	publishInterval   time.Duration
	stopTimeout       time.Duration
	stagingLimit      flags.Size // 0: a share of the free space
	maxFileSize       flags.Size
	openStaged        int // staging files that are open at a time
	detached          bool
	takeOver          bool
	includeIncomplete bool
	leaveIncomplete   bool
	bandwidth         flags.Bandwidth
	retry             target.Patience
	metrics           flags.Metrics
}

// Defaults of a writable mount.
const (
	writeConcurrency = 128
	writeMemory      = 96 << 20
	mountRetryFor    = 10 * time.Minute
	maxFileSize      = 16 << 40
)

func newMountCommand() *cobra.Command {
	f := mountFlags{readFlags: newReadFlags(), maxFileSize: maxFileSize}
	cmd := &cobra.Command{
		Use:   "mount [--state STATE] [--target TARGET] [--read-only] MOUNTPOINT",
		Short: "Mount a container as a file system",
		Long: `Mount a file system on the directory MOUNTPOINT. Its contents become the
container TARGET. Written data goes to files in STATE first and is uploaded in
the background. 'clfsload publish' and 'clfsload unmount' make the container a
file system that Azure HPC Cache or Avere vFXT can attach.

Without --state, STATE is a directory under $XDG_STATE_HOME/clfsload or
~/.local/state/clfsload, named after MOUNTPOINT. Without --target, the container
is that of STATE; for a new STATE it is the directory 'container' in STATE. A
new STATE takes an empty container, or one with a tree that any program wrote:
the tree is shown at once, and can be changed.

With --read-only, any container can be read, and nothing in it can be changed.
With --follow, such a mount also shows later publications: one machine writes,
and any number of others follow.

The command serves until MOUNTPOINT is unmounted ('clfsload unmount', umount) or
until it receives SIGINT or SIGTERM. Then it uploads and publishes the remaining
changes, for at most --stop-timeout, and unmounts. The next mount with this
STATE uploads and publishes the rest. With --daemon the mount runs in the
background, and the command returns when the mount serves.

After a crash, the command clears the old mount from MOUNTPOINT. MOUNTPOINT must
be empty, because a mount hides its entries; --allow-non-empty permits other
entries.

Root mounts directly; other users need the program fusermount3 (package fuse3).
Owners and modes are enforced as on any file system. Without --allow-other only
the user who mounts can use the mount, not even root.`,
		Example: `  clfsload mount /mnt/clfs
  clfsload mount --daemon --allow-other --state /var/lib/clfs --target https://myaccount.blob.core.windows.net/projects /mnt/clfs
  rsync -aH /data/projects/ /mnt/clfs/ && clfsload unmount /mnt/clfs

  clfsload mount --read-only --target dir:/mnt/stage/projects /mnt/clfs
  clfsload mount --read-only --follow 30s --target https://myaccount.blob.core.windows.net/projects /mnt/clfs`,
		Args: argsBetween(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return runMount(cmd, args[0], f) },
	}
	f.registerAll(cmd)
	return cmd
}

func (f *mountFlags) registerAll(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.readOnly, "read-only", false, "permit no changes through the mount; there is no STATE")
	fl.DurationVar(&f.follow, "follow", 0, "with --read-only: show later publications after at most this time, 1s or more")
	fl.Lookup("follow").DefValue = "0"
	fl.StringVar(&f.target, "target", os.Getenv("CLFSLOAD_TARGET"), "the container, dir:PATH or a URL (from CLFSLOAD_TARGET)")
	fl.Lookup("target").DefValue = ""
	fl.BoolVar(&f.point.AllowOther, "allow-other", false, "let other users use the mount; for users other than root,\n/etc/fuse.conf must have user_allow_other")
	fl.BoolVar(&f.point.AllowNonEmpty, "allow-non-empty", false, "mount on a directory that has entries, and hide them")
	fl.BoolVar(&f.daemon, "daemon", false, "run in the background when the mount serves")
	fl.StringVar(&f.logFile, "log-file", "", "log file of a mount in the background (default: clfsload.log in STATE; with --read-only\na file in $XDG_STATE_HOME/clfsload or ~/.local/state/clfsload)")
	f.register(cmd)
	fl.Lookup("memory").Usage = "bytes of file contents and inodes held at a time (default 96MiB, with --read-only 192MiB)"
	fl.Lookup("memory").DefValue = "0"
	fl.Lookup("concurrency").Usage = "requests in flight (default 128, with --read-only 64)"
	fl.Lookup("concurrency").DefValue = "0"
	fl.Lookup("temp-dir").Usage = "with --read-only: directory for temporary databases (default: $TMPDIR or /tmp)"
	f.cache.Register(cmd)
	f.registerWriting(cmd)
	f.log.Register(fl)
}

func (f *mountFlags) registerWriting(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.state, "state", "", "directory, on a local disk, for the journal and files before their upload")
	fl.BoolVar(&f.createContainer, "create-container", false, "create the Azure container if it does not exist")
	fl.BoolVar(&f.detached, "detached", false, "mount a container that has signs of a cache: you confirm that no cache is attached\nto it, now and while it is mounted")
	fl.BoolVar(&f.takeOver, "take-over", false, "if STATE does not match its container, adopt the container with a new STATE; the old one,\nwith its unpublished changes, is kept in STATE.kept-TIME")
	fl.StringVar(&f.compression, "compression", "LZ4", "LZ4 or DISABLED")
	fl.DurationVar(&f.settle, "settle", 2*time.Second, "upload a file when it is closed and unchanged for this time")
	fl.DurationVar(&f.publishInterval, "publish-interval", 0, "publish automatically at this interval (minimum 1s); 0 disables")
	fl.DurationVar(&f.stopTimeout, "stop-timeout", time.Minute, "when the mount ends, upload and publish for at most this time")
	fl.Var(&f.stagingLimit, "staging-limit", "bytes of file contents kept in STATE, 64MiB or more (default: half of what was free on its disk when STATE was new)")
	fl.Lookup("staging-limit").DefValue = "0"
	fl.Var(&f.maxFileSize, "max-file-size", "largest size of a file, holes included: 1GiB to 1PiB; a call beyond it fails with EFBIG")
	fl.BoolVar(&f.includeIncomplete, "include-incomplete", false, "publish incomplete files, whose writer was cut off by a crash of an earlier mount")
	fl.BoolVar(&f.leaveIncomplete, "leave-incomplete", false, leaveIncompleteUsage)
	f.bandwidth.Register(fl)
	fl.DurationVar(&f.retry.For, "retry-for", mountRetryFor, "give up a read from the container after this time; uploads are retried without end")
	fl.DurationVar(&f.retry.RequestTimeout, "request-timeout", time.Minute, "retry a request when nothing was sent or received for this time")
	f.metrics.Register(fl)
}

// Flags for only one kind of mount.
var (
	writingFlags = []string{"state", "create-container", "detached", "take-over", "compression", "settle", "publish-interval", "stop-timeout",
		"staging-limit", "max-file-size", "include-incomplete", "leave-incomplete", "bandwidth-limit", "retry-for", "request-timeout", "metrics-addr"}
	readingFlags = []string{"follow", "temp-dir"}
)

func (f *mountFlags) check(cmd *cobra.Command) error {
	given := func(flag string) bool { return cmd.Flags().Changed(flag) }
	wrong, reason := writingFlags, "cannot be used with --read-only"
	if !f.readOnly {
		wrong, reason = readingFlags, "needs --read-only"
	}
	for _, name := range wrong {
		if given(name) {
			return fmt.Errorf("--%s %s", name, reason)
		}
	}
	if f.logFile != "" && !f.daemon {
		return errors.New("--log-file needs --daemon")
	}
	if err := f.cache.Check(cmd, f.readOnly); err != nil {
		return err
	}
	if f.readOnly {
		switch {
		case f.target == "":
			return errors.New("no container: pass --target, or set CLFSLOAD_TARGET")
		case given("follow") && f.follow < time.Second:
			return fmt.Errorf("--follow %s: it must be 1s or more", f.follow)
		}
		return nil
	}
	if !given("memory") {
		f.memory = writeMemory
	}
	if !given("concurrency") {
		f.concurrency = writeConcurrency
	}
	return f.checkWriting()
}

func (f *mountFlags) checkWriting() error {
	switch {
	case f.concurrency < 1 || f.concurrency > flags.MaxConcurrency:
		return flags.OutOfRange("--concurrency", f.concurrency, 1, flags.MaxConcurrency)
	case f.memory < engine.MinMemory:
		return flags.TooLittleMemory(f.memory, engine.MinMemory)
	case f.settle < 0:
		return fmt.Errorf("--settle %s: it must not be negative", f.settle)
	case f.publishInterval < 0 || f.publishInterval > 0 && f.publishInterval < time.Second:
		return fmt.Errorf("--publish-interval %s: it must be 0, or 1s or more", f.publishInterval)
	case f.stagingLimit != 0 && f.stagingLimit < daemon.LeastStagingLimit:
		least := flags.Size(daemon.LeastStagingLimit)
		return fmt.Errorf("--staging-limit %s: it must be %s or more", &f.stagingLimit, &least)
	case f.maxFileSize < 1<<30 || f.maxFileSize > writable.LargestFile:
		return fmt.Errorf("--max-file-size %s: it must be 1GiB to 1PiB", &f.maxFileSize)
	case f.includeIncomplete && f.leaveIncomplete:
		return errIncludeAndLeave
	case f.stopTimeout < 0:
		return fmt.Errorf("--stop-timeout %s: it must not be negative", f.stopTimeout)
	}
	if err := flags.CheckRetries(&f.retry); err != nil {
		return err
	}
	_, err := flags.ParseCompression(f.compression)
	return err
}

func runMount(cmd *cobra.Command, point string, f mountFlags) error {
	if err := f.check(cmd); err != nil {
		return usageError(cmd, err)
	}
	terminal.StayUp(cmd)
	c, err := terminal.NewConsole(cmd.OutOrStdout(), cmd.ErrOrStderr(), f.log)
	if err != nil {
		return usageError(cmd, err)
	}
	if err := f.checkSites(point); err != nil {
		return err
	}
	if point, err = fusefs.PreparePoint(point, f.point, c.Log); err != nil {
		return pointError(err)
	}
	if f.daemon && !background.IsDaemon() {
		if err := background.CheckLog(f.logFile); err != nil {
			return err
		}
		return background.Start(cmd)
	}
	if f.readOnly {
		return pointError(serveReadOnly(cmd, point, f, c))
	}
	if err := f.fitOpenFiles(c.Log); err != nil {
		return err
	}
	return pointError(daemon.Serve(cmd.Context(), f.options(cmd, point, c)))
}

// options are the command line's settings for a writable mount.
func (f *mountFlags) options(cmd *cobra.Command, point string, c *terminal.Console) daemon.Options {
	compression, _ := flags.ParseCompression(f.compression) // check refused all other values
	return daemon.Options{Point: point, State: f.state, Target: f.target, Sources: f.readFlags.target, Patience: f.retry,
		CreateContainer: f.createContainer, Compression: compression, Given: cmd.Flags().Changed, Detached: f.detached, TakeOver: f.takeOver,
		Concurrency: f.concurrency, Memory: int64(f.memory), OpenStaged: f.openStaged, Bandwidth: int64(f.bandwidth.Limit), CacheSize: int64(f.cache.Size),
		AllowOther: f.point.AllowOther, Settle: f.settle, PublishInterval: f.publishInterval, StopTimeout: f.stopTimeout,
		StagingLimit: int64(f.stagingLimit), MaxFileSize: int64(f.maxFileSize),
		IncludeIncomplete: f.includeIncomplete, LeaveIncomplete: f.leaveIncomplete,
		MetricsAddress: f.metrics.Address, Version: version, Log: c.Log, File: c.File, LogTo: c.LogTo,
		Serves: func(usual string) error { return background.LeaveTerminal(c, f.logFile, usual) },
		Stops:  func() { _ = background.Notify("STOPPING=1") }} // a waiting command sees the process end
}

// pointError gives an error its exit code if the mount point is the cause.
func pointError(err error) error {
	if errors.Is(err, fusefs.ErrMountPoint) && !errors.As(err, new(*outcome.Error)) && !errors.As(err, new(outcome.Stopped)) {
		return outcome.New(outcome.MountPoint, err, "")
	}
	return err
}
