package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"clfsload/cmd/clfsload/background"
	"clfsload/cmd/clfsload/terminal"
	"clfsload/fusefs/daemon/backing"
	"clfsload/fusefs/readonly"
	"clfsload/sync/outcome"
)

func serveReadOnly(cmd *cobra.Command, point string, f mountFlags, c *terminal.Console) error {
	ctx := cmd.Context()
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // closing the terminal does not end a mount
	m, err := openMounted(cmd, f, c.Log)
	if err != nil {
		return err
	}
	defer m.close()
	// The inodes in the kernel's memory are not counted in --memory. If they reached a limit, the
	// collector would run all the time.
	debug.SetMemoryLimit(math.MaxInt64)
	debug.SetGCPercent(50)
	mount, err := readonly.Mount(ctx, point, m, readonly.Options{
		Errno: backing.Errno, Missing: backing.IsMissing, Log: c.Log, Source: m.source, AllowOther: f.point.AllowOther,
		Memory: int64(f.memory), Follow: f.follow, Cached: m.cache != nil,
	})
	if err != nil {
		return outcome.OfContext(ctx, err)
	}
	log, err := openReadOnlyLog(point, f.logFile)
	if err != nil {
		return errors.Join(err, mount.Unmount())
	}
	c.Log.Info("mounted", "mountpoint", point, "target", m.source)
	if err := background.Detach(log, c); err != nil {
		return errors.Join(err, mount.Unmount())
	}
	return finishReadOnly(ctx, mount, m, c)
}

// openReadOnlyLog opens the log of a mount in the background, by default ReadOnlyLog; nil in the
// foreground.
func openReadOnlyLog(point, named string) (*os.File, error) {
	if named != "" || !background.IsDaemon() {
		return background.OpenLog(named)
	}
	path, err := background.ReadOnlyLog(point)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return background.OpenLog(path)
}

// finishReadOnly waits for the end of a mount. A signal is the usual end, not a failure.
func finishReadOnly(ctx context.Context, mount *readonly.FS, m *mounted, c *terminal.Console) error {
	select {
	case <-mount.Done():
	case <-ctx.Done():
		c.Log.Info("unmounting", "cause", context.Cause(ctx).Error())
		if err := mount.Unmount(); err != nil {
			return outcome.New(outcome.Failure, fmt.Errorf("after %w: %w", context.Cause(ctx), err), "")
		}
	}
	m.tellPassedOver(c.Log)
	c.Log.Info("unmounted")
	return nil
}
