package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"clfsload/fusefs"
)

// mountFlags are those of mount.
type mountFlags struct {
	readFlags
	log        logFlags
	target     string
	readOnly   bool
	allowOther bool
	daemon     bool
	logFile    string
}

func newMountCommand() *cobra.Command {
	f := mountFlags{readFlags: newReadFlags()}
	cmd := &cobra.Command{
		Use:   "mount --read-only --target TARGET MOUNTPOINT",
		Short: "Show a container as a file system",
		Long: `Mount the container TARGET on the directory MOUNTPOINT, so that ordinary tools
can look at it and copy out of it. Nothing can be changed in it; only read-only
mounts are supported.

The command serves until MOUNTPOINT is unmounted (umount, fusermount3 -u) or until
it gets SIGINT or SIGTERM; then it unmounts and ends with exit code 0. With
--daemon it goes into the background, and the command returns when the mount
serves. A mount that was left behind by a crash is cleared away.

Root mounts directly; other users need the program fusermount3 (package fuse3).
Owners and modes are enforced as on any file system. Without --allow-other only
the user who mounts can use the mount, not even root.`,
		Example: `  clfsload mount --read-only --target dir:/mnt/stage/projects /mnt/clfs
  clfsload mount --read-only --daemon --allow-other --target https://myaccount.blob.core.windows.net/projects /mnt/clfs
  rsync -aH /mnt/clfs/ /data/projects/ && umount /mnt/clfs`,
		Args: argsBetween(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return runMount(cmd, args[0], f) },
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.readOnly, "read-only", false, "required: nothing can be changed through the mount")
	fl.StringVar(&f.target, "target", os.Getenv("CLFSLOAD_TARGET"), "the container, dir:PATH or a URL (from CLFSLOAD_TARGET)")
	fl.Lookup("target").DefValue = ""
	fl.BoolVar(&f.allowOther, "allow-other", false, "let other users use the mount; for users other than root,\n/etc/fuse.conf must have user_allow_other")
	fl.BoolVar(&f.daemon, "daemon", false, "go into the background when the mount serves")
	fl.StringVar(&f.logFile, "log-file", "", "where a mount in the background logs (default: a file named after MOUNTPOINT\nin $XDG_STATE_HOME/clfsload or ~/.local/state/clfsload)")
	f.register(cmd)
	fl.Lookup("memory").Usage = "bytes of file contents and inodes held at a time"
	f.log.register(fl)
	return cmd
}

func (f *mountFlags) check(cmd *cobra.Command) error {
	switch {
	case !f.readOnly:
		return usageError(cmd, errors.New("only read-only mounts are supported: pass --read-only"))
	case f.target == "":
		return usageError(cmd, errors.New("no container: pass --target, or set CLFSLOAD_TARGET"))
	case f.logFile != "" && !f.daemon:
		return usageError(cmd, errors.New("--log-file goes with --daemon"))
	}
	return nil
}

func runMount(cmd *cobra.Command, point string, f mountFlags) error {
	if err := f.check(cmd); err != nil {
		return err
	}
	c, err := newConsole(cmd.OutOrStdout(), cmd.ErrOrStderr(), f.log)
	if err != nil {
		return usageError(cmd, err)
	}
	if f.daemon && !isDaemon() {
		return startDaemon(cmd, point, f.logFile)
	}
	if point, err = fusefs.PreparePoint(point, c.log); err != nil {
		return err
	}
	return serveMount(cmd, point, f, c)
}

func serveMount(cmd *cobra.Command, point string, f mountFlags, c *console) error {
	ctx := cmd.Context()
	m, err := openMounted(cmd, f, c.log)
	if err != nil {
		return err
	}
	defer m.close()
	// The inodes that the kernel remembers are not in --memory, and a limit
	// that they reach would keep the collector busy.
	debug.SetMemoryLimit(math.MaxInt64)
	debug.SetGCPercent(50)
	mount, err := fusefs.MountReadOnly(ctx, point, m, fusefs.Options{
		Errno: errnoOf, Log: c.log, Source: m.source, AllowOther: f.allowOther, Memory: int64(f.memory) / 2,
	})
	if err != nil {
		return stopCause(ctx, err)
	}
	c.log.Info("mounted", "mountpoint", point, "target", m.source)
	if err := detachFromStarter(); err != nil {
		return errors.Join(err, mount.Unmount())
	}
	return finishMount(ctx, mount, m, c)
}

// finishMount waits for the end of a mount. A signal is the usual end, and no
// failure.
func finishMount(ctx context.Context, mount *fusefs.Mount, m *mounted, c *console) error {
	select {
	case <-mount.Done():
	case <-ctx.Done():
		c.log.Info("unmounting", "cause", context.Cause(ctx).Error())
		if err := mount.Unmount(); err != nil {
			return withExit(exitFailure, fmt.Errorf("after %w: %w", context.Cause(ctx), err), "")
		}
	}
	m.tellPassedOver(c.log)
	c.log.Info("unmounted")
	return nil
}
