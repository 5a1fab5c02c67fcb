package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"clfsload/state"
)

func newStatusCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "status STATE",
		Short: "Tell how far a load has come",
		Long: `Tell how far the load with this STATE has come, whether it runs or not.

A load that runs is asked through the socket control.sock in STATE and tells its
rates, the time that is left and the entry that is in flight for the longest time.
When none runs, the totals are read from the journal, which is left as it is.`,
		Args: argsBetween(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return runStatus(cmd, args[0], asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object; sizes are in bytes")
	return cmd
}

func runStatus(cmd *cobra.Command, stateDir string, asJSON bool) error {
	var v loadStatus
	err := askControl(cmd.Context(), stateDir, http.MethodGet, "/status", nil, &v)
	if errors.Is(err, errNotRunning) {
		v, err = statusOfJournal(cmd.Context(), stateDir)
	}
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), v)
	}
	v.print(cmd.OutOrStdout())
	return nil
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// statusOfJournal describes a load that does not run.
func statusOfJournal(ctx context.Context, stateDir string) (loadStatus, error) {
	j, err := state.OpenReadOnly(stateDir)
	if errors.Is(err, state.ErrMissing) {
		return loadStatus{}, withExit(exitState, err, stateWanted)
	}
	if err != nil {
		return loadStatus{}, err
	}
	defer j.Close()
	t := j.Totals()
	listed, err := j.Listed(ctx)
	if err != nil {
		return loadStatus{}, err
	}
	phases := map[state.Phase]string{state.PhaseNew: phaseNew, state.PhaseTransfer: phaseTransfer, state.PhaseComplete: phaseComplete}
	return loadStatus{Version: version, Phase: phases[j.Phase()], Source: j.Settings.Source, Target: j.Settings.Target,
		ObjectsDone: int64(t.DoneInodes), ObjectsFound: int64(t.FoundInodes),
		BytesDone: int64(t.DoneBytes), BytesFound: int64(t.FoundBytes),
		Listed: listed, Failures: int64(t.Failures)}, nil
}

func (v *loadStatus) print(w io.Writer) {
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
	line("objects", "%s of %s%s%s", humanize.Comma(v.ObjectsDone), humanize.Comma(v.ObjectsFound), more, v.rate(humanize.Comma(int64(v.ObjectsPerSecond))))
	line("bytes", "%s of %s%s%s", ibytes(v.BytesDone), ibytes(v.BytesFound), more, v.rate(ibytes(int64(v.BytesPerSecond))))
	line("failures", "%s", humanize.Comma(v.Failures))
	if !v.Running {
		return
	}
	limit := byteRate(v.BandwidthLimit)
	eta, oldest := "not known", "none in flight"
	if v.ETASeconds != nil {
		eta = seconds(*v.ETASeconds).String()
	}
	if o := v.Oldest; o != nil {
		oldest = fmt.Sprintf("%s, for %s", quotePath(o.bytes()), seconds(o.Seconds))
	}
	line("time left", "%s", eta)
	line("limit", "%s", limit.String())
	line("oldest", "%s", oldest)
}

// rate is what a load that does not run has none of.
func (v *loadStatus) rate(text string) string {
	if !v.Running {
		return ""
	}
	return ", " + text + "/s"
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Second)
}
