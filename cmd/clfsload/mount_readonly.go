package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"

	"github.com/spf13/cobra"

	"clfsload/fusefs"
)

func serveReadOnly(cmd *cobra.Command, point string, f mountFlags, c *console) error {
	ctx := cmd.Context()
	path := f.logFile
	if path == "" && isDaemon() {
		var err error
		if path, err = readOnlyLog(point); err != nil {
			return err
		}
	}
	log, err := openLog(path)
	if err != nil {
		return err
	}
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
		Errno: errnoOf, Log: c.log, Source: m.source, AllowOther: f.point.AllowOther, Memory: int64(f.memory) / 2,
	})
	if err != nil {
		return stopCause(ctx, err)
	}
	c.log.Info("mounted", "mountpoint", point, "target", m.source)
	if err := detachFromStarter(log); err != nil {
		return errors.Join(err, mount.Unmount())
	}
	return finishReadOnly(ctx, mount, m, c)
}

// finishReadOnly waits for the end of a mount. A signal is the usual end, and no
// failure.
func finishReadOnly(ctx context.Context, mount *fusefs.Mount, m *mounted, c *console) error {
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
