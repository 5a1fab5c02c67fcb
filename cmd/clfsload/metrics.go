package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/spf13/pflag"

	"clfsload/sync/engine"
	"clfsload/sync/outcome"
	"clfsload/sync/target"
)

// metricsFlags say where a load or mount shows its numbers.
type metricsFlags struct{ address string }

func (f *metricsFlags) register(fl *pflag.FlagSet) {
	fl.StringVar(&f.address, "metrics-addr", "", "serve numbers for Prometheus at http://`HOST:PORT`/metrics; :PORT is every address of this machine")
}

// metric is a number of this process. Names of counters end in _total.
type metric struct {
	name    string
	help    string
	counter bool
	value   float64
}

// write adds a metric in Prometheus's text format.
func (m metric) write(w io.Writer) {
	kind, value := "gauge", metrics.WriteGaugeFloat64
	if m.counter {
		kind, value = "counter", metrics.WriteCounterFloat64
	}
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, kind)
	value(w, m.name, m.value)
}

// metricsServer answers /metrics.
type metricsServer struct {
	server *http.Server
	ended  chan struct{}
}

// listen takes the address, before anything is made. It returns nil without an address.
func (f *metricsFlags) listen() (net.Listener, error) {
	if f.address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", f.address)
	if err != nil {
		return nil, outcome.New(outcome.Usage, fmt.Errorf("--metrics-addr %s: %w", f.address, err), "choose another address")
	}
	return l, nil
}

// closeListener closes what listen has returned. Closing again does nothing.
func closeListener(l net.Listener) {
	if l != nil {
		l.Close()
	}
}

// serveMetrics shows what collect returns. Without a listener it returns nil, which
// can be closed like any other.
func serveMetrics(l net.Listener, collect func() []metric) *metricsServer {
	if l == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		for _, m := range collect() {
			m.write(w)
		}
		metrics.WriteProcessMetrics(w)
	})
	s := &metricsServer{ended: make(chan struct{}),
		server: &http.Server{Handler: mux, ReadTimeout: answerLimit, WriteTimeout: answerLimit, IdleTimeout: time.Minute}}
	go func() {
		defer close(s.ended)
		_ = s.server.Serve(limitConnections(l)) // ends with http.ErrServerClosed
	}()
	return s
}

func (s *metricsServer) close() {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		s.server.Close()
	}
	<-s.ended
}

// engineMetrics are those of a load and of a mount.
func engineMetrics(s *engine.Stats, limit int64, outage *target.Outage) []metric {
	failing := 0.0
	if outage != nil {
		failing = 1
	}
	return []metric{
		{"clfsload_objects_total", "Objects uploaded by this process.", true, float64(s.Inodes.Load())},
		{"clfsload_blobs_total", "Blobs put by this process.", true, float64(s.Blobs.Load())},
		{"clfsload_sent_bytes_total", "Bytes of blobs put by this process.", true, float64(s.Sent.Load())},
		{"clfsload_read_bytes_total", "Bytes of file contents read by this process.", true, float64(s.Read.Load())},
		{"clfsload_bandwidth_limit_bytes", "Bytes a second that may be uploaded, 0 for no limit.", false, float64(limit)},
		{"clfsload_outage", "1 while uploads fail and are repeated, otherwise 0.", false, failing},
	}
}

// loadMetrics are the numbers of a load.
func (l *load) loadMetrics(e *engine.Engine) []metric {
	t := l.journal.Totals()
	s := l.look(e)
	published := 0.0
	if l.phase() == phaseComplete {
		published = 1
	}
	return append(engineMetrics(e.Stats(), l.limiter.BytesPerSecond(), l.target.Narrator.Failing.Load()),
		metric{"clfsload_load_objects_found", "Objects found in the source.", false, float64(s.found)},
		metric{"clfsload_load_objects_done", "Objects whose blobs are all in the container.", false, float64(s.done)},
		metric{"clfsload_load_bytes_found", "Bytes of file contents found in the source.", false, float64(s.total)},
		metric{"clfsload_load_bytes_done", "Bytes of file contents in the container.", false, float64(s.bytes)},
		metric{"clfsload_load_failures", "Entries that could not be listed or transferred.", false, float64(t.Failures)},
		metric{"clfsload_load_published", "1 when the container can be attached, otherwise 0.", false, published},
	)
}

// collectMetrics are the numbers of a mount.
func (m *writableMount) collectMetrics() []metric {
	t, u := m.journal.Counts(), m.fs.Usage()
	_, open := m.fs.OpenForWriting(0)
	last := 0.0
	if t.PublishedAt != 0 {
		last = float64(t.PublishedAt) / 1e9
	}
	return append(engineMetrics(m.engine.Stats(), m.limiter.BytesPerSecond(), m.uploads.why()),
		metric{"clfsload_mount_entries", "Files, directories and other entries.", false, float64(t.Nodes())},
		metric{"clfsload_mount_directories", "Directories.", false, float64(t.Directories)},
		metric{"clfsload_mount_staged_entries", "Entries that are changed, and open or not settled.", false, float64(t.Dirty)},
		metric{"clfsload_mount_staged_bytes", "Bytes in them.", false, float64(t.DirtyBytes)},
		metric{"clfsload_mount_uploading_entries", "Entries that wait to be uploaded.", false, float64(t.Queued)},
		metric{"clfsload_mount_uploading_bytes", "Bytes in them.", false, float64(t.QueuedBytes)},
		metric{"clfsload_mount_uploaded_entries", "Entries that are uploaded and wait to be published.", false, float64(t.Sealed)},
		metric{"clfsload_mount_uploaded_bytes", "Bytes in them.", false, float64(t.SealedBytes)},
		metric{"clfsload_mount_unchanged_entries", "Entries other than directories that are in the container as they are.", false, float64(t.Uploaded)},
		metric{"clfsload_mount_unchanged_bytes", "Bytes in them.", false, float64(t.UploadedBytes)},
		metric{"clfsload_mount_unpublished_directories", "Directories that the next publication writes.", false, float64(t.Held)},
		metric{"clfsload_mount_published_timestamp_seconds", "When the last publication ended, 0 for never.", false, last},
		metric{"clfsload_mount_open_files", "Files that are open for writing.", false, float64(open)},
		metric{"clfsload_mount_staging_bytes", "Bytes that staged contents take on the disk of STATE.", false, float64(u.Bytes)},
		metric{"clfsload_mount_staging_limit_bytes", "Bytes that they may take.", false, float64(u.Limit)},
	)
}
