package terminal

import (
	"context"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"clfsload/sync/progress"
	"clfsload/sync/report"
)

const (
	refreshEvery = 250 * time.Millisecond // of the live display
	lineEvery    = 10 * time.Second       // of lines where there is no terminal
)

// ShowProgress shows the samples of look until ctx ends: live on a terminal, otherwise as a log
// line at intervals. It returns when the display is removed. It adds each sample to m.
func (c *Console) ShowProgress(ctx context.Context, m *progress.Meter, look func() progress.Sample) {
	m.Add(look())
	if c.terminal {
		c.showLive(ctx, m, look)
	} else {
		c.showLines(ctx, m, look)
	}
}

// Display shows the samples of look until the returned function is called.
func (c *Console) Display(ctx context.Context, look func() progress.Sample) (stop func()) {
	return progress.Display(c.ShowProgress).During(ctx, &progress.Meter{}, look)
}

func (c *Console) showLines(ctx context.Context, m *progress.Meter, look func() progress.Sample) {
	sampling, lines := time.NewTicker(time.Second), time.NewTicker(lineEvery)
	defer sampling.Stop()
	defer lines.Stop()
	for {
		select {
		case <-sampling.C:
			m.Add(look())
		case <-lines.C:
			c.Log.Info("progress", progressAttrs(m)...)
		case <-ctx.Done():
			return
		}
	}
}

func progressAttrs(m *progress.Meter) []any {
	s := m.Last()
	objects, bytes := m.Rates()
	attrs := []any{"done", s.Done, "found", s.Found, "bytes", s.Bytes, "bytes_found", s.Total,
		"failures", s.Failures, "objects_per_second", int64(objects), "bytes_per_second", int64(bytes)}
	if left, ok := m.Remaining(); ok {
		attrs = append(attrs, "eta", left.Round(time.Second).String())
	}
	return attrs
}

// showLive draws one bar for objects and one for bytes.
func (c *Console) showLive(ctx context.Context, m *progress.Meter, look func() progress.Sample) {
	p := mpb.New(mpb.WithOutput(fileOf(c.Err.w)), mpb.WithRefreshRate(refreshEvery), mpb.WithWidth(40))
	restore := c.Err.divert(p)
	objects := addBar(p, func() string { return objectsText(m) }, func() string { return objectsRate(m) })
	bytes := addBar(p, func() string { return bytesText(m) }, func() string { return bytesRate(m) })
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		s := look()
		m.Add(s)
		setBar(objects, s.Done, s.Found)
		setBar(bytes, s.Bytes, s.Total)
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	restore()
	objects.Abort(false)
	bytes.Abort(false)
	p.Wait()
}

func addBar(p *mpb.Progress, before, after func() string) *mpb.Bar {
	any := func(text func() string) decor.Decorator {
		return decor.Any(func(decor.Statistics) string { return text() })
	}
	return p.New(0, mpb.BarStyle().Lbound("[").Filler("=").Tip(">").Padding(" ").Rbound("]"),
		mpb.PrependDecorators(any(before)), mpb.AppendDecorators(any(after)))
}

// setBar keeps the total above the current value: a full bar counts as ended. (Its first total is
// 0: any other would be final.)
func setBar(b *mpb.Bar, done, total int64) {
	b.SetTotal(max(total, done)+1, false)
	b.SetCurrent(done)
}

func objectsText(m *progress.Meter) string {
	s := m.Last()
	more := ""
	if !s.Listed {
		more = "+"
	}
	return fmt.Sprintf("%-28s", fmt.Sprintf("files %s of %s%s ", humanize.Comma(s.Done), humanize.Comma(s.Found), more))
}

func objectsRate(m *progress.Meter) string {
	rate, _ := m.Rates()
	text := fmt.Sprintf(" %s/s", humanize.Comma(int64(rate)))
	if n := m.Last().Failures; n > 0 {
		text += fmt.Sprintf("  %s failed", humanize.Comma(n))
	}
	return text
}

func bytesText(m *progress.Meter) string {
	s := m.Last()
	return fmt.Sprintf("%-28s", fmt.Sprintf("bytes %s of %s ", report.Size(s.Bytes), report.Size(s.Total)))
}

func bytesRate(m *progress.Meter) string {
	_, rate := m.Rates()
	text := fmt.Sprintf(" %s/s", report.Size(int64(rate)))
	switch left, ok := m.Remaining(); {
	case ok:
		text += "  ETA " + left.Round(time.Second).String()
	case !m.Last().Listed:
		text += "  listing"
	}
	return text
}
