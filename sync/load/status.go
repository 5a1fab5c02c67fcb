package load

import (
	"context"
	"net/http"
	"os"
	"time"

	"clfsload/state"
	"clfsload/sync/control"
	"clfsload/sync/engine"
	"clfsload/sync/progress"
	"clfsload/sync/report"
)

// Phases of a load as status and report.json name them.
const (
	phaseNew        = "new"        // nothing was written yet
	phaseListing    = "listing"    // listing the source, and transferring
	phaseTransfer   = "transfer"   // transferring; all of the source is listed
	phasePublishing = "publishing" // writing logs, directories and the root
	phaseComplete   = "complete"   // the container can be attached
)

// Status is how far a load has come, for `clfsload status --json`. Sizes are
// in bytes.
type Status struct {
	Kind             string           `json:"kind"` // "load"
	Running          bool             `json:"running"`
	PID              int              `json:"pid,omitempty"`
	Version          string           `json:"version"`
	Phase            string           `json:"phase"`
	Source           string           `json:"source"`
	Target           string           `json:"target"`
	Into             string           `json:"into,omitempty"` // the directory of the container that the source becomes
	ObjectsDone      int64            `json:"objects_done"`
	ObjectsFound     int64            `json:"objects_found"`
	BytesDone        int64            `json:"bytes_done"`
	BytesFound       int64            `json:"bytes_found"`
	Listed           bool             `json:"listed"` // found is final
	ObjectsPerSecond float64          `json:"objects_per_second"`
	BytesPerSecond   float64          `json:"bytes_per_second"`
	ETASeconds       *float64         `json:"eta_seconds"` // null: not known
	Failures         int64            `json:"failures"`
	BandwidthLimit   int64            `json:"bandwidth_limit"` // bytes a second, 0: none
	Oldest           *progress.Flight `json:"oldest_in_flight"`
}

// StatusOf describes a load that does not run.
func StatusOf(ctx context.Context, j *state.Journal, version string) (*Status, error) {
	t := j.Totals()
	listed, err := j.Listed(ctx)
	if err != nil {
		return nil, err
	}
	phases := map[state.Phase]string{state.PhaseNew: phaseNew, state.PhaseTransfer: phaseTransfer, state.PhaseComplete: phaseComplete}
	return &Status{Kind: progress.KindLoad, Version: version, Phase: phases[j.Phase()], Source: j.Settings.Source, Target: j.Settings.Target, Into: j.Settings.Merge.Into,
		ObjectsDone: int64(t.DoneInodes), ObjectsFound: int64(t.FoundInodes),
		BytesDone: int64(t.DoneBytes), BytesFound: int64(t.FoundBytes),
		Listed: listed, Failures: int64(t.Failures)}, nil
}

// status describes a load whose journal is open.
func (l *Load) status(e *engine.Engine) Status {
	m := &l.meter
	m.Add(l.look(e))
	s := m.Last()
	set := &l.journal.Settings
	v := Status{Kind: progress.KindLoad, Running: true, PID: os.Getpid(), Version: l.options.Version, Phase: l.phase(), Source: set.Source, Target: set.Target, Into: set.Merge.Into,
		ObjectsDone: s.Done, ObjectsFound: s.Found, BytesDone: s.Bytes, BytesFound: s.Total,
		Listed: s.Listed, Failures: s.Failures, BandwidthLimit: l.limiter.BytesPerSecond()}
	v.ObjectsPerSecond, v.BytesPerSecond = m.Rates()
	if left, ok := m.Remaining(); ok {
		seconds := left.Seconds()
		v.ETASeconds = &seconds
	}
	if f, ok := e.OldestInFlight(); ok {
		v.Oldest = &progress.Flight{Path: report.NewPath(f.Path), Seconds: time.Since(f.Since).Seconds()}
	}
	return v
}

// phase names what the load does now.
func (l *Load) phase() string {
	switch {
	case l.journal.Phase() == state.PhaseComplete:
		return phaseComplete
	case l.publishing.Load():
		return phasePublishing
	case l.listed.Load():
		return phaseTransfer
	}
	return phaseListing
}

// controlHandler answers what comes through the control socket.
func (l *Load) controlHandler(e *engine.Engine) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		control.AnswerJSON(w, l.status(e))
	})
	mux.HandleFunc("PUT /limit", func(w http.ResponseWriter, r *http.Request) { control.AnswerLimitChange(w, r, l.limiter, l.log) })
	return mux
}
