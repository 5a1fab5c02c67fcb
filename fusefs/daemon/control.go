package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"syscall"

	"clfsload/fusefs/daemon/upload"
	"clfsload/fusefs/daemon/wire"
	"clfsload/sync/control"
	"clfsload/sync/engine/publish"
	"clfsload/sync/outcome"
)

// controlHandler answers what comes through the control socket.
func (m *mount) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		v, err := m.status(r.Context())
		answer(w, v, err)
	})
	mux.HandleFunc("PUT /limit", func(w http.ResponseWriter, r *http.Request) {
		control.AnswerLimitChange(w, r, m.limiter, m.options.Log)
	})
	mux.HandleFunc("POST /flush", func(w http.ResponseWriter, r *http.Request) {
		work(w, r, func(ctx context.Context, v wire.Request) (wire.Report, error) {
			return m.inTime(ctx, "flush", v, func(ctx context.Context) (wire.Report, error) { return m.flush(ctx, m.leaves(v)) })
		})
	})
	mux.HandleFunc("GET /publish", m.answerPlan)
	mux.HandleFunc("POST /publish", func(w http.ResponseWriter, r *http.Request) {
		work(w, r, func(ctx context.Context, v wire.Request) (wire.Report, error) {
			return m.inTime(ctx, "publish", v, func(ctx context.Context) (r wire.Report, err error) {
				if v.IncludeIncomplete {
					if err := m.acceptIncomplete(ctx); err != nil {
						return r, err
					}
				}
				return m.publish(ctx, m.leaves(v))
			})
		})
	})
	mux.HandleFunc("POST /incomplete", m.answerIncomplete)
	mux.HandleFunc("POST /unmount", func(w http.ResponseWriter, r *http.Request) { work(w, r, m.unmount) })
	return mux
}

// work answers a request that may take long: with a report, which says also what
// went wrong.
func work(w http.ResponseWriter, r *http.Request, do func(context.Context, wire.Request) (wire.Report, error)) {
	var v wire.Request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1000)).Decode(&v); err != nil {
		http.Error(w, "the body must be a JSON object", http.StatusBadRequest)
		return
	}
	if err := control.Patient(w); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	report, err := do(r.Context(), v)
	report.Fail(err)
	control.AnswerJSON(w, report)
}

// answer sends a value, or the error that kept it from coming into being.
func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		_, text := outcome.Describe(err)
		http.Error(w, text, http.StatusInternalServerError)
		return
	}
	control.AnswerJSON(w, v)
}

// inTime does what was asked for until it is too late. Then the report names what is
// left.
func (m *mount) inTime(ctx context.Context, what string, v wire.Request, do func(context.Context) (wire.Report, error)) (wire.Report, error) {
	limit, cancel := v.Limit(ctx)
	defer cancel()
	r, err := do(limit)
	if err == nil {
		return r, nil
	}
	if !errors.Is(err, errOutOfTime) {
		return r, fmt.Errorf("%s: %w", what, m.countLeftovers(err))
	}
	s, err := m.status(ctx)
	if err != nil {
		return r, err
	}
	return r, errors.Join(m.nameLeft(ctx, &r, what == "publish", m.leaves(v)),
		outcome.New(outcome.Incomplete, fmt.Errorf("%s: not done after %s: %s", what, v.Timeout(), s.WaitsFor()), "the mount continues"))
}

// unmount publishes, takes the file system away, and publishes what came in
// meanwhile. When the file system is in use, it stays.
func (m *mount) unmount(ctx context.Context, v wire.Request) (r wire.Report, err error) {
	limit, cancel := v.Limit(ctx)
	defer cancel()
	// Nothing keeps the mount then: there is nothing to wait for.
	vain := func(err error) bool {
		return errors.Is(err, errOutOfTime) && ctx.Err() == nil || errors.Is(err, upload.ErrTaken)
	}
	leave := m.leaves(v)
	finish := func(ctx context.Context) (wire.Report, error) { return m.publish(ctx, leave) }
	if v.NoPublish {
		finish = m.settle
	}
	if r, err = finish(limit); err != nil && !vain(err) {
		return r, fmt.Errorf("unmount: %w", m.countLeftovers(err))
	}
	m.commanded.Store(true)
	if err := m.fs.Unmount(false); err != nil {
		m.commanded.Store(false)
		return r, stillUsed(err)
	}
	// From here on the mount is gone, and the process ends whatever comes.
	before := r
	r, err = finish(limit)
	r.After(before)
	r.Unmounted = true
	var left error
	if err != nil || r.LeftTotal > 0 || !v.NoPublish && m.leftoverText() != "" {
		left = m.incomplete(&r, err, fmt.Sprintf(" after %s (--timeout)", v.Timeout()), leave)
	}
	m.asked <- left
	if err != nil && !errors.Is(err, publish.ErrLeftover) {
		r.Published = false
	}
	if r.LeftTotal > 0 && err == nil {
		return r, nil // they are named
	}
	return r, left
}

// leaves reports whether incomplete files are no failure.
func (m *mount) leaves(v wire.Request) bool {
	return v.LeaveIncomplete || m.options.LeaveIncomplete
}

// stillUsed says what to do about a file system that cannot be unmounted.
func stillUsed(err error) error {
	if !errors.Is(err, syscall.EBUSY) {
		return err
	}
	return outcome.New(outcome.MountPoint, err, "end the programs that use it ('fuser -m MOUNTPOINT' lists them), or send the mount SIGTERM")
}

// settle makes ready for the next mount what is written.
func (m *mount) settle(ctx context.Context) (wire.Report, error) {
	return wire.NewReport(m.target.String()), m.settleAll(ctx)
}

func (m *mount) acceptIncomplete(ctx context.Context) error {
	n, err := m.journal.AcceptIncomplete(ctx)
	if err == nil {
		m.options.Log.Info("incomplete files are taken as complete", "files", n)
	}
	return err
}
