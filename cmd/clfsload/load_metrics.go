package main

import "clfsload/sync/engine"

// loadMetrics are the numbers of a load.
func (l *load) loadMetrics(e *engine.Engine) []metric {
	t := l.journal.Totals()
	s := l.look(e)
	published := 0.0
	if l.phase() == phaseComplete {
		published = 1
	}
	return append(engineMetrics(e.Stats(), l.limiter.BytesPerSecond(), l.target.Narrator.Failing.Load()),
		gauge("clfsload_load_objects_found", "Objects found in the source.", float64(s.found)),
		gauge("clfsload_load_objects_done", "Objects whose blobs are all in the container.", float64(s.done)),
		gauge("clfsload_load_bytes_found", "Bytes of file contents found in the source.", float64(s.total)),
		gauge("clfsload_load_bytes_done", "Bytes of file contents in the container.", float64(s.bytes)),
		gauge("clfsload_load_failures", "Entries that could not be listed or transferred.", float64(t.Failures)),
		gauge("clfsload_load_published", "1 when the container can be attached, otherwise 0.", published),
	)
}
