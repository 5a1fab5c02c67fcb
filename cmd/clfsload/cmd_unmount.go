package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"clfsload/fusefs"
	"clfsload/fusefs/daemon"
	"clfsload/sync/control"
)

func newUnmountCommand() *cobra.Command {
	var f finishFlags
	noPublish, leaveIncomplete := false, false
	cmd := &cobra.Command{
		Use:   "unmount MOUNTPOINT|STATE",
		Short: "Publish what was written to a mount, and unmount it",
		Long: `Upload and publish everything that was written to the mount, as 'clfsload publish'
does, then unmount it and end its process. When a program uses the mount, it stays, and
the exit code is 16.

With --timeout the mount goes when the time is over, and the next mount with the same
STATE goes on with what is left; the exit code is 3 then. With --no-publish nothing is
waited for. Of a mount whose process is gone the mount point is cleared.`,
		Args: argsBetween(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUnmount(cmd, args[0], f, noPublish, leaveIncomplete)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&noPublish, "no-publish", false, "leave what is not uploaded to the next mount with the same STATE")
	cmd.Flags().BoolVar(&leaveIncomplete, "leave-incomplete", false, leaveIncompleteUsage)
	return cmd
}

func runUnmount(cmd *cobra.Command, arg string, f finishFlags, noPublish, leaveIncomplete bool) error {
	if err := f.check(); err != nil {
		return usageError(cmd, err)
	}
	dir, err := stateOf(arg, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	v := f.value()
	v.NoPublish, v.LeaveIncomplete = noPublish, leaveIncomplete
	server := control.ProcessOf(dir)
	defer server.Close()
	r, err := finish(cmd, dir, "unmount", v)
	if errors.Is(err, control.ErrNotRunning) {
		return clearDead(cmd, dir, err)
	}
	if err != nil {
		return err
	}
	if r.Unmounted {
		server.Await(cmd.Context()) // so that the next mount finds STATE free
	}
	done := "unmounted; published in " + r.Target
	if noPublish {
		done = "unmounted"
	}
	return tell(&r, cmd, f.json, done)
}

// clearDead takes away what a mount left behind whose process is gone.
func clearDead(cmd *cobra.Command, stateDir string, notRunning error) error {
	point := daemon.MountPointOf(stateDir)
	if point == "" {
		return notRunning
	}
	cleared, err := fusefs.ClearDead(point)
	if err != nil {
		return err
	}
	if !cleared {
		return notRunning
	}
	fmt.Fprintf(cmd.OutOrStdout(), "cleared %s, whose process was gone; the next mount with STATE %s goes on with what is not published\n", point, stateDir)
	return nil
}
