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
		Short: "Publish all writes to a mount, and unmount it",
		Long: `Upload and publish everything that was written to the mount, as 'clfsload
publish' does, then unmount it and end its process. If a program uses the mount,
the mount stays, and the exit code is 16.

If --timeout expires, the mount ends anyway and the exit code is 3. The next
mount with the same STATE publishes the rest. With --no-publish the command
waits for no upload. If the process of the mount is gone, the mount point is
cleared.`,
		Args: argsBetween(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUnmount(cmd, args[0], f, noPublish, leaveIncomplete)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&noPublish, "no-publish", false, "do not upload or publish; the next mount with the same STATE does that")
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

// clearDead clears the mount point of a mount whose process is gone.
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
	fmt.Fprintf(cmd.OutOrStdout(), "cleared %s: its process was gone; the next mount with STATE %s publishes the remaining changes\n", point, stateDir)
	return nil
}
