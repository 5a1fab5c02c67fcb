package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"clfsload/cmd/clfsload/flags"
	"clfsload/cmd/clfsload/terminal"
	"clfsload/fusefs/daemon"
	"clfsload/fusefs/daemon/wire"
	"clfsload/state"
	"clfsload/sync/control"
	"clfsload/sync/load"
	"clfsload/sync/outcome"
	"clfsload/sync/progress"
	"clfsload/sync/report"
)

// statusFlags are those of status.
type statusFlags struct {
	json  bool
	watch bool
}

func newStatusCommand() *cobra.Command {
	var f statusFlags
	cmd := &cobra.Command{
		Use:   "status STATE|MOUNTPOINT",
		Short: "Show how far a load or a mount has come",
		Long: `Show how far the load or mount with this STATE has come, whether it runs or not.
A mount can be named by its MOUNTPOINT.

A running load or mount answers through the socket control.sock in STATE. It
reports its rates, the reason why it waits, and the entry that is in flight for
the longest time. If none runs, the totals come from the journal. The journal is
only read, so it may be on a read-only file system.`,
		Example: `  clfsload status /var/tmp/state
  clfsload status --watch /mnt/clfs`,
		Args: argsBetween(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return runStatus(cmd, args[0], f) },
	}
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object; sizes are in bytes")
	cmd.Flags().BoolVar(&f.watch, "watch", false, "show the status every second until interrupted")
	return cmd
}

func runStatus(cmd *cobra.Command, arg string, f statusFlags) error {
	stateDir, err := stateOf(arg, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if f.watch {
		return watchStatus(cmd, stateDir, f.json)
	}
	v, err := findStatus(cmd.Context(), stateDir)
	if err != nil {
		return err
	}
	return printStatus(cmd.OutOrStdout(), v, f.json)
}

// watchEvery is the interval of --watch.
const watchEvery = time.Second

// watchStatus tells the status every second: on a terminal in place, as JSON one
// object a line.
func watchStatus(cmd *cobra.Command, stateDir string, asJSON bool) error {
	out, ctx := cmd.OutOrStdout(), cmd.Context()
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		v, err := findStatus(ctx, stateDir)
		if ctx.Err() != nil {
			return nil // to be stopped is its usual end
		}
		if err != nil {
			return err
		}
		if asJSON {
			err = json.NewEncoder(out).Encode(v)
		} else {
			var text bytes.Buffer
			fmt.Fprintln(&text, time.Now().Format(time.DateTime))
			err = printStatus(&text, v, false)
			if terminal.IsTerminal(out) {
				_, e := io.WriteString(terminal.Bare(out), "\x1b[H\x1b[2J") // to the upper left corner, and clear
				err = errors.Join(err, e)
			}
			_, e := out.Write(text.Bytes())
			err = errors.Join(err, e)
		}
		if err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// printStatus prints a status of either kind.
func printStatus(w io.Writer, v any, asJSON bool) error {
	if asJSON {
		return report.WriteJSON(w, v)
	}
	switch v := v.(type) {
	case *load.Status:
		printLoadStatus(w, v)
	case *wire.Status:
		printMountStatus(w, v)
	}
	return nil
}

// findStatus asks the process that runs on a STATE, or else reads the journal. If a process starts
// or ends, it holds the journal and does not answer: findStatus waits for it.
func findStatus(ctx context.Context, stateDir string) (any, error) {
	deadline := time.Now().Add(control.AnswerLimit)
	for {
		v, err := lookForStatus(ctx, stateDir)
		if !errors.Is(err, state.ErrLocked) {
			return v, err
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return nil, outcome.New(outcome.Busy, err, notAnswering)
		}
		time.Sleep(lockedPause)
	}
}

// lockedPause is the time between two attempts to open a journal that another process has locked.
const lockedPause = 50 * time.Millisecond

// notAnswering is what to do when a process has a journal and no control socket.
const notAnswering = "that process starts or ends, and does not answer yet: retry later"

func lookForStatus(ctx context.Context, stateDir string) (any, error) {
	var raw json.RawMessage
	err := control.Ask(ctx, stateDir, http.MethodGet, "/status", nil, &raw)
	if errors.Is(err, control.ErrNotRunning) {
		return statusOfJournal(ctx, stateDir)
	}
	if err != nil {
		return nil, err
	}
	var kind struct{ Kind string }
	if err := json.Unmarshal(raw, &kind); err != nil {
		return nil, err
	}
	if kind.Kind == progress.KindMount {
		v := new(wire.Status)
		return v, json.Unmarshal(raw, v)
	}
	v := new(load.Status)
	return v, json.Unmarshal(raw, v)
}

// statusOfJournal describes a load or mount that does not run.
func statusOfJournal(ctx context.Context, stateDir string) (any, error) {
	j, err := state.OpenReadOnly(stateDir)
	if errors.Is(err, state.ErrMissing) {
		return nil, outcome.New(outcome.State, err, control.StateWanted)
	}
	if err != nil {
		return nil, err
	}
	defer j.Close()
	if j.Settings.Kind == state.KindMount {
		v, err := daemon.StatusOf(ctx, j, version)
		return &v, err
	}
	return load.StatusOf(ctx, j, version)
}

func printLoadStatus(w io.Writer, v *load.Status) {
	line := func(title, format string, args ...any) {
		fmt.Fprintf(w, "%-10s %s\n", title, fmt.Sprintf(format, args...))
	}
	state, more := "not running", ""
	if v.Running {
		state = fmt.Sprintf("running as process %d", v.PID)
	}
	if !v.Listed {
		more = " found so far"
	}
	line("load", "%s, phase %s", state, v.Phase)
	line("source", "%s", v.Source)
	line("target", "%s", v.Target)
	if v.Into != "" {
		line("into", "%s", report.Quote(v.Into))
	}
	line("objects", "%s of %s%s%s", humanize.Comma(v.ObjectsDone), humanize.Comma(v.ObjectsFound), more, loadRate(v, humanize.Comma(int64(v.ObjectsPerSecond))))
	line("bytes", "%s of %s%s%s", report.Size(v.BytesDone), report.Size(v.BytesFound), more, loadRate(v, report.Size(int64(v.BytesPerSecond))))
	line("failures", "%s", humanize.Comma(v.Failures))
	if !v.Running {
		return
	}
	limit := flags.Rate(v.BandwidthLimit)
	eta, oldest := "not known", "none in flight"
	if v.ETASeconds != nil {
		eta = report.Seconds(*v.ETASeconds).String()
	}
	if o := v.Oldest; o != nil {
		oldest = fmt.Sprintf("%s, for %s", report.Quote(o.Bytes()), report.Seconds(o.Seconds))
	}
	line("time left", "%s", eta)
	line("limit", "%s", limit.String())
	line("oldest", "%s", oldest)
}

// loadRate has the rates of a running load; a load that does not run has none.
func loadRate(v *load.Status, text string) string {
	if !v.Running {
		return ""
	}
	return ", " + text + "/s"
}
