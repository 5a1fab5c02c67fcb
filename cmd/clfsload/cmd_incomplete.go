package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"clfsload/fusefs/daemon"
	"clfsload/fusefs/daemon/wire"
	"clfsload/sync/control"
	"clfsload/sync/report"
	"clfsload/sync/scan/filter"
)

// incompleteFlags are those of incomplete.
type incompleteFlags struct {
	json, remove, accept bool
}

func newIncompleteCommand() *cobra.Command {
	var f incompleteFlags
	cmd := &cobra.Command{
		Use:   "incomplete MOUNTPOINT|STATE [PATTERN...]",
		Short: "List, remove or accept files of a mount whose writers were cut off",
		Long: `List the incomplete files of a mount. A file is incomplete if a program had it
open for writing when the mount ended. Such a file may lack data, so it is not
published, and 'clfsload publish' and 'clfsload unmount' end with exit code 3.

If a program writes the file again, from the beginning or from the point where
it was cut off, the file is no longer incomplete. Otherwise decide: --accept
publishes the files as they are, --remove removes them from the mount. Both
apply to the files that the same command lists without the flag: the files that
match a PATTERN, or all.

Patterns are written as in .gitignore and match paths below MOUNTPOINT. Quote
them for the shell.`,
		Example: `  clfsload incomplete /mnt/clfs
  clfsload incomplete --remove /mnt/clfs '.*.??????'
  clfsload incomplete --accept /mnt/clfs /logs/today.log 'db/*.wal'`,
		Args: argsBetween(1, 1000),
		RunE: func(cmd *cobra.Command, args []string) error { return runIncomplete(cmd, args[0], args[1:], f) },
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.remove, "remove", false, "remove the files from the mount; the next publication removes their published versions")
	fl.BoolVar(&f.accept, "accept", false, "mark the files as complete; the next publication includes them")
	fl.BoolVar(&f.json, "json", false, "print one JSON object")
	return cmd
}

func (f *incompleteFlags) value(patterns []string) (wire.IncompleteRequest, error) {
	v := wire.IncompleteRequest{Patterns: patterns}
	switch {
	case f.remove && f.accept:
		return v, errors.New("--remove and --accept exclude each other")
	case f.remove:
		v.Action = wire.ActionRemove
	case f.accept:
		v.Action = wire.ActionAccept
	}
	_, err := filter.New(patterns, nil)
	return v, err
}

func runIncomplete(cmd *cobra.Command, arg string, patterns []string, f incompleteFlags) error {
	v, err := f.value(patterns)
	if err != nil {
		return usageError(cmd, err)
	}
	dir, err := stateOf(arg, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	r, err := askIncomplete(cmd.Context(), dir, v)
	if err != nil {
		return err
	}
	if f.json {
		return report.WriteJSON(cmd.OutOrStdout(), r)
	}
	printIncompletes(cmd, &r, v.Action)
	return nil
}

// askIncomplete asks the mount that runs on a STATE, or else reads the journal.
func askIncomplete(ctx context.Context, stateDir string, v wire.IncompleteRequest) (r wire.IncompleteReport, err error) {
	body, err := json.Marshal(v)
	if err != nil {
		return r, err
	}
	err = control.Wait(ctx, stateDir, http.MethodPost, "/incomplete", bytes.NewReader(body), &r)
	if !errors.Is(err, control.ErrNotRunning) {
		return r, finishError("incomplete", stateDir, err)
	}
	return daemon.Incompletes(ctx, stateDir, v)
}

func printIncompletes(cmd *cobra.Command, r *wire.IncompleteReport, action string) {
	out := cmd.OutOrStdout()
	for _, file := range r.Files {
		fmt.Fprintf(out, "%s: %s\n", report.Quote(file.Bytes()), file.Why)
	}
	if n := r.Total - len(r.Files); n > 0 {
		fmt.Fprintf(out, "and %s more\n", humanize.Comma(int64(n)))
	}
	done := map[string]string{"": "incomplete", wire.ActionRemove: "removed", wire.ActionAccept: "accepted: the next publication includes them"}[action]
	fmt.Fprintf(out, "%s %s %s\n", humanize.Comma(int64(r.Total)), english.PluralWord(r.Total, "file", "files"), done)
}
