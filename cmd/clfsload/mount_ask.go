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
	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"clfsload/fusefs/daemon/wire"
	"clfsload/state"
	"clfsload/sync/control"
	"clfsload/sync/outcome"
	"clfsload/sync/report"
)

// finishFlags are those of flush, publish and unmount.
type finishFlags struct {
	json    bool
	timeout time.Duration
}

func (f *finishFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.json, "json", false, "print one JSON object; sizes are in bytes")
	fl.DurationVar(&f.timeout, "timeout", 0, "wait for at most this time; 0: no limit")
}

func (f *finishFlags) check() error {
	if f.timeout < 0 {
		return fmt.Errorf("--timeout %s: it must not be negative", f.timeout)
	}
	return nil
}

func (f *finishFlags) value() wire.Request {
	return wire.Request{TimeoutSeconds: f.timeout.Seconds()}
}

// finish asks the mount that runs on a STATE to flush, publish or unmount, and reports on standard
// error why it waits. The mount answers at v's timeout. If it does not, the command gives up a
// while later, but not before an unmount is complete.
func finish(cmd *cobra.Command, stateDir, what string, v wire.Request) (r wire.Report, err error) {
	body, err := json.Marshal(v)
	if err != nil {
		return r, err
	}
	ctx := cmd.Context()
	if v.TimeoutSeconds > 0 && what != "unmount" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, v.Timeout()+control.AnswerLimit)
		defer cancel()
	}
	telling, stop := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		tellWaiting(telling, cmd, stateDir)
	}()
	err = control.Wait(ctx, stateDir, http.MethodPost, "/"+what, bytes.NewReader(body), &r)
	stop()
	<-told
	if err != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		r.Fail(outcome.New(outcome.Incomplete, fmt.Errorf("%s: not done after %s: the mount does not answer", what, v.Timeout()), ""))
		return r, nil
	}
	return r, finishError(what, stateDir, err)
}

// finishError adds a hint to the error of a mount that did not carry out the request.
func finishError(what, stateDir string, err error) error {
	var refused control.Refused
	switch {
	case err == nil:
		return nil
	case errors.Is(err, control.ErrNotRunning):
		return notRunning(stateDir, err)
	case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
		return outcome.New(outcome.State, fmt.Errorf("%s belongs to a running load; '%s' needs a mount", stateDir, what), "name the STATE of a mount")
	}
	return fmt.Errorf("%s: %w", what, err)
}

// notRunning says how to continue with a load or mount that does not run.
func notRunning(stateDir string, err error) error {
	j, openErr := state.OpenReadOnly(stateDir)
	if errors.Is(openErr, state.ErrLocked) {
		return outcome.New(outcome.Busy, openErr, notAnswering)
	}
	if openErr != nil {
		return errors.Join(outcome.New(outcome.State, err, ""), openErr)
	}
	defer j.Close()
	if s := j.Settings; s.Kind != state.KindMount {
		return outcome.New(outcome.State, fmt.Errorf("%s is the STATE of a load, not of a mount", stateDir),
			fmt.Sprintf("'clfsload load %s %s %s' resumes it", stateDir, s.Source, s.Target))
	}
	return outcome.New(outcome.State, err, "mount it: the mount uploads what is staged")
}

// tellEvery is the interval between two reports of the reason for waiting.
const tellEvery = 5 * time.Second

func tellWaiting(ctx context.Context, cmd *cobra.Command, stateDir string) {
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if text := waitsFor(ctx, stateDir); ctx.Err() == nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "clfsload: waiting: %s\n", text)
			}
		case <-ctx.Done():
			return
		}
	}
}

// waitsFor asks a mount for the reason why it waits.
func waitsFor(ctx context.Context, stateDir string) string {
	found, err := findStatus(ctx, stateDir)
	v, ok := found.(*wire.Status)
	if err != nil || !ok {
		return "the mount does not answer"
	}
	return v.WaitsFor()
}

// tell prints a report, and returns an error if anything is unfinished.
func tell(r *wire.Report, cmd *cobra.Command, asJSON bool, done string) error {
	out := cmd.OutOrStdout()
	if asJSON {
		if err := report.WriteJSON(out, r); err != nil {
			return err
		}
	} else {
		printUnfinished(out, r)
	}
	if r.Error != "" {
		return outcome.New(r.Code, errors.New(r.Error), "")
	}
	if r.LeftTotal > 0 {
		return outcome.New(outcome.Incomplete, fmt.Errorf("%s, but for %s %s", done, humanize.Comma(int64(r.LeftTotal)),
			english.PluralWord(r.LeftTotal, "entry", "entries")), "")
	}
	if !asJSON {
		fmt.Fprintf(out, "%s in %s\n", done, time.Duration(r.Seconds*float64(time.Second)).Round(time.Millisecond))
	}
	return nil
}

// printUnfinished names the first unfinished entries.
func printUnfinished(out io.Writer, r *wire.Report) {
	printFirst(out, r.Left, r.LeftTotal)
	if r.IncompleteTotal > 0 {
		fmt.Fprintf(out, "not published, but not failed (see 'clfsload incomplete'):\n")
		printFirst(out, r.Incomplete, r.IncompleteTotal)
	}
}

func printFirst(out io.Writer, list []wire.Left, total int) {
	shown := list[:min(len(list), report.Shown)]
	for _, l := range shown {
		fmt.Fprintf(out, "  %s: %s\n", report.Quote(l.Bytes()), l.Why)
	}
	if n := total - len(shown); n > 0 {
		fmt.Fprintf(out, "  and %s more; --json names more\n", humanize.Comma(int64(n)))
	}
}
