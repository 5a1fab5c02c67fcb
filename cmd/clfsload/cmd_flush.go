package main

import "github.com/spf13/cobra"

func newFlushCommand() *cobra.Command {
	var f finishFlags
	cmd := &cobra.Command{
		Use:   "flush MOUNTPOINT|STATE",
		Short: "Wait until what was written to a mount is uploaded",
		Long: `Return when everything is uploaded that was written to the mount before the call.
Files that are open for writing are not, and are named; the exit code is 3 then.

What is uploaded survives the loss of this machine's disk only when it is published
as well: see 'clfsload publish'.

While it waits, it says every few seconds on standard error what for.`,
		Args: argsBetween(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return runFlush(cmd, args[0], f) },
	}
	f.register(cmd)
	return cmd
}

func runFlush(cmd *cobra.Command, arg string, f finishFlags) error {
	if err := f.check(); err != nil {
		return usageError(cmd, err)
	}
	dir, err := stateOf(arg, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	r, err := finish(cmd, dir, "flush", f.value())
	if err != nil {
		return err
	}
	return tell(&r, cmd, f.json, "uploaded to "+r.Target)
}
