package main

import (
	"errors"

	"github.com/spf13/cobra"

	"clfsload/fusefs/daemon"
)

func newPublishCommand() *cobra.Command {
	var f finishFlags
	includeIncomplete, leaveIncomplete, dryRun := false, false, false
	cmd := &cobra.Command{
		Use:   "publish MOUNTPOINT|STATE",
		Short: "Make what was written to a mount reachable in the container",
		Long: `Upload everything that was written to the mount before the call, and make it
reachable from the root of the container, so that a cache that attaches the container
sees it. At every instant the container is a consistent file system: until its
replacement is complete, what was published before stays.

Files that are open for writing keep the contents there that they had when they were
last closed, and new ones are left out; so are files whose writer a crash of the mount
has cut off. They are named, and the exit code is 3. An incomplete file that rsync has
left behind is none of them, if rsync has written the file itself since.

With --dry-run nothing is uploaded or changed. One line is printed for each inode that
a publication would write now, with the reason: new and changed directories, and
changed files that were published before. Files that are not uploaded are named
after them; 'clfsload flush' uploads them. With --json there is one object a line and,
last, one with the summary. The exit code is 0, also if there is nothing to publish.
A dry run does not wait, so it excludes --timeout and the flags for incomplete files.`,
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
	cmd.Flags().Lookup("json").Usage += "; with --dry-run one object a line"
	cmd.Flags().BoolVar(&includeIncomplete, "include-incomplete", false, "take files as complete whose writer a crash of the mount has cut off")
	cmd.Flags().BoolVar(&leaveIncomplete, "leave-incomplete", false, leaveIncompleteUsage)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print what a publication would write now, and change nothing")
	return cmd
}

// leaveIncompleteUsage is what --leave-incomplete does.
const leaveIncompleteUsage = "exit with 0 when nothing but incomplete files is not published; they stay as they are"

var errIncludeAndLeave = errors.New("--include-incomplete and --leave-incomplete exclude each other")

var errDryRunAlone = errors.New("--dry-run excludes --timeout, --include-incomplete and --leave-incomplete")

func runPublishDry(cmd *cobra.Command, arg string, asJSON bool, v daemon.Request) error {
	if v != (daemon.Request{}) {
		return usageError(cmd, errDryRunAlone)
	}
	dir, err := stateOf(arg, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	return runPlan(cmd, dir, asJSON)
}

func runPublish(cmd *cobra.Command, arg string, f finishFlags, v daemon.Request) error {
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
