package main

import "github.com/spf13/cobra"

func newFlushCommand() *cobra.Command {
	var f finishFlags
	cmd := &cobra.Command{
		Use:   "flush MOUNTPOINT|STATE",
		Short: "Wait until all writes to a mount are uploaded",
		Long: `Return when everything that was written to the mount before the call is
uploaded. Files that are open for writing are not uploaded. They are named, and
the exit code is 3.

Uploaded files survive the loss of this machine's disk only after a publication:
see 'clfsload publish'.

While the command waits, it reports the reason on standard error every few
seconds.`,
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
