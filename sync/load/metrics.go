package load

import (
	"clfsload/sync/engine"
	"clfsload/sync/metrics"
)

// loadMetrics are the metrics of a load.
func (l *Load) loadMetrics(e *engine.Engine) []metrics.Metric {
	t := l.journal.Totals()
	s := l.look(e)
	published := 0.0
	if l.phase() == phaseComplete {
		published = 1
	}
	return append(metrics.OfEngine(e.Stats(), l.limiter.BytesPerSecond(), l.target.Outage()),
		metrics.Gauge("clfsload_load_objects_found", "Objects found in the source.", float64(s.Found)),
		metrics.Gauge("clfsload_load_objects_done", "Objects whose blobs are all in the container.", float64(s.Done)),
		metrics.Gauge("clfsload_load_bytes_found", "Bytes of file contents found in the source.", float64(s.Total)),
		metrics.Gauge("clfsload_load_bytes_done", "Bytes of file contents in the container.", float64(s.Bytes)),
		metrics.Gauge("clfsload_load_failures", "Entries that could not be listed or transferred.", float64(t.Failures)),
		metrics.Gauge("clfsload_load_published", "1 when the container can be attached, otherwise 0.", published),
	)
}
