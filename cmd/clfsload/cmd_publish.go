package main

import (
	"errors"

	"github.com/spf13/cobra"

	"clfsload/fusefs/daemon/wire"
)

func newPublishCommand() *cobra.Command {
	var f finishFlags
	includeIncomplete, leaveIncomplete, dryRun := false, false, false
	cmd := &cobra.Command{
		Use:   "publish MOUNTPOINT|STATE",
		Short: "Make all writes to a mount reachable in the container",
		Long: `Upload everything that was written to the mount before the call, and make it
reachable from the root of the container. A cache that attaches the container
then sees it. At every instant the container is a consistent file system: the
published version of an entry stays until its replacement is complete.

A file that is open for writing is published with its contents at the last
close; a new one is left out. Incomplete files, whose writer was cut off by a
crash of the mount, are left out, too. All these files are named, and the exit
code is 3. If rsync left an incomplete file and has written the file itself
since, the incomplete file does not count.

With --dry-run nothing is uploaded or changed. One line is printed for each
inode that a publication would write now, with the reason: new and changed
directories, and changed files that were published before. Then the files that
are not uploaded are named; 'clfsload flush' uploads them. With --json, one
object is printed a line, and the last one is the summary. The exit code is 0,
also if there is nothing to publish. A dry run does not wait, so it excludes
--timeout and the flags for incomplete files.`,
		Example: `  clfsload publish /mnt/clfs
  clfsload flush /mnt/clfs && clfsload publish --dry-run /mnt/clfs`,
		Args: argsBetween(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			v := f.value()
			v.IncludeIncomplete, v.LeaveIncomplete = includeIncomplete, leaveIncomplete
			if dryRun {
				return runPublishDry(cmd, args[0], f.json, v)
			}
			return runPublish(cmd, args[0], f, v)
		},
	}
	f.register(cmd)
	cmd.Flags().Lookup("json").Usage += "; with --dry-run, one object a line"
	cmd.Flags().BoolVar(&includeIncomplete, "include-incomplete", false, "publish incomplete files, whose writer was cut off by a crash of the mount")
	cmd.Flags().BoolVar(&leaveIncomplete, "leave-incomplete", false, leaveIncompleteUsage)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print what a publication would write now, and change nothing")
	return cmd
}

// leaveIncompleteUsage is what --leave-incomplete does.
const leaveIncompleteUsage = "exit with 0 if only incomplete files are not published; they stay as they are"

var errIncludeAndLeave = errors.New("--include-incomplete and --leave-incomplete exclude each other")

var errDryRunAlone = errors.New("--dry-run excludes --timeout, --include-incomplete and --leave-incomplete")

func runPublishDry(cmd *cobra.Command, arg string, asJSON bool, v wire.Request) error {
	if v != (wire.Request{}) {
		return usageError(cmd, errDryRunAlone)
	}
	dir, err := stateOf(arg, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	return runPlan(cmd, dir, asJSON)
}

func runPublish(cmd *cobra.Command, arg string, f finishFlags, v wire.Request) error {
	if err := f.check(); err != nil {
		return usageError(cmd, err)
	}
	if v.IncludeIncomplete && v.LeaveIncomplete {
		return usageError(cmd, errIncludeAndLeave)
	}
	dir, err := stateOf(arg, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	r, err := finish(cmd, dir, "publish", v)
	if err != nil {
		return err
	}
	return tell(&r, cmd, f.json, "published in "+r.Target)
}
