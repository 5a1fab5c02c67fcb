package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"clfsload/fusefs/daemon/wire"
	"clfsload/sync/control"
	"clfsload/sync/engine/publish"
	"clfsload/sync/report"
)

func newPlannedPut(p publish.PlannedPut) wire.PlannedPut {
	path := p.Path
	if path == "" {
		path = "/"
	}
	v := wire.PlannedPut{Put: "inode", Path: report.NewPath(path), Reason: string(p.Reason), Phase: p.Phase.String()}
	if !p.Node.IsDirectory() {
		return v
	}
	if v.Form = "final"; !p.Last {
		v.Form = "interim"
	}
	switch {
	case p.Phase == publish.NewDirectories:
		v.Put = "new directory"
	case p.Phase == publish.FirstRoot:
		v.Put = "root"
	case p.Again:
		v.Put = "directory again"
	default:
		v.Put = "directory"
	}
	return v
}

// plan calls yield with what a publication would put now, and returns what that would report.
func (m *mount) plan(ctx context.Context, yield func(wire.PlannedPut) error) (wire.Report, error) {
	began := time.Now()
	r := wire.NewReport(m.target.String())
	p, err := m.engine.PlanPublish(ctx, func(p publish.PlannedPut) error { return yield(newPlannedPut(p)) })
	if err != nil {
		return r, err
	}
	err = m.nameBehind(ctx, &r, p, m.options.LeaveIncomplete)
	r.Uploaded, r.Objects, r.Dirs = r.LeftTotal == 0, p.Nodes, p.Directories
	r.Seconds = time.Since(began).Seconds()
	return r, err
}

// answerPlan answers GET /publish: a line of JSON for each put, and one for the summary.
func (m *mount) answerPlan(w http.ResponseWriter, r *http.Request) {
	if err := control.Patient(w); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	ctx, stop := m.whileMounted(r.Context())
	defer stop()
	control := http.NewResponseController(w)
	// A reader that takes nothing must not keep the mount from its end.
	defer context.AfterFunc(ctx, func() { _ = control.SetWriteDeadline(time.Now()) })()
	out := bufio.NewWriterSize(&planWriter{ctx, w, control}, 64<<10)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	report, err := m.plan(ctx, func(p wire.PlannedPut) error { return lines.Encode(p) })
	report.Fail(err)
	_ = lines.Encode(wire.PlanSummary{Summary: &report}) // nobody is there to tell if it fails
	_ = out.Flush()
}

// whileMounted returns a context that ends with the mount.
func (m *mount) whileMounted(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	go func() {
		select {
		case <-m.fs.Done():
			stop()
		case <-ctx.Done():
		}
	}()
	return ctx, stop
}

// planWriter writes a plan. Each write waits for its reader for PlanPatience at most, because
// the journal cannot tidy up its log meanwhile.
type planWriter struct {
	ctx     context.Context
	w       io.Writer
	control *http.ResponseController
}

func (p *planWriter) Write(text []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(wire.PlanPatience)); err != nil {
		return 0, err
	}
	// When ctx ends later, it ends the write.
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.w.Write(text)
}
