package main

import "github.com/spf13/cobra"

func newPublishCommand() *cobra.Command {
	var f finishFlags
	includeIncomplete := false
	cmd := &cobra.Command{
		Use:   "publish MOUNTPOINT|STATE",
		Short: "Make what was written to a mount reachable in the container",
		Long: `Upload everything that was written to the mount before the call, and make it
reachable from the root of the container, so that a cache that attaches the container
sees it. At every instant the container is a consistent file system: until its
replacement is complete, what was published before stays.

Files that are open for writing keep the contents there that they had when they were
last closed, and new ones are left out; so are files whose writer a crash of the mount
has cut off. They are named, and the exit code is 3.`,
		Args: argsBetween(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return runPublish(cmd, args[0], f, includeIncomplete) },
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&includeIncomplete, "include-incomplete", false, "take files as complete whose writer a crash of the mount has cut off")
	return cmd
}

func runPublish(cmd *cobra.Command, arg string, f finishFlags, includeIncomplete bool) error {
	if err := f.check(); err != nil {
		return usageError(cmd, err)
	}
	dir, err := stateOf(arg, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	v := f.value()
	v.IncludeIncomplete = includeIncomplete
	r, err := finish(cmd, dir, "publish", v)
	if err != nil {
		return err
	}
	return r.tell(cmd, f.json, "published in "+r.Target)
}
