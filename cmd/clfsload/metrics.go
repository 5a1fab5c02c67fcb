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
	address string // that it has
	server  *http.Server
	ended   chan struct{}
}

// serveMetrics shows what collect returns. Without an address it returns nil, which
// can be closed like any other.
func serveMetrics(f metricsFlags, collect func() []metric) (*metricsServer, error) {
	if f.address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", f.address)
	if err != nil {
		return nil, withExit(exitUsage, fmt.Errorf("--metrics-addr %s: %w", f.address, err), "")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		for _, m := range collect() {
			m.write(w)
		}
		metrics.WriteProcessMetrics(w)
	})
	s := &metricsServer{address: l.Addr().String(), ended: make(chan struct{}),
		server: &http.Server{Handler: mux, ReadTimeout: answerLimit, WriteTimeout: answerLimit, IdleTimeout: time.Minute}}
	go func() {
		defer close(s.ended)
		_ = s.server.Serve(l) // ends with http.ErrServerClosed
	}()
	return s, nil
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
func engineMetrics(s *engine.Stats, limit int64, outage *trouble) []metric {
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
	return append(engineMetrics(e.Stats(), l.limiter.BytesPerSecond(), l.target.narrator.failing.Load()),
		metric{"clfsload_load_objects_found", "Objects found in the source.", false, float64(s.found)},
		metric{"clfsload_load_objects_done", "Objects whose blobs are all in the container.", false, float64(s.done)},
		metric{"clfsload_load_bytes_found", "Bytes of file contents found in the source.", false, float64(s.total)},
		metric{"clfsload_load_bytes_done", "Bytes of file contents in the container.", false, float64(s.bytes)},
		metric{"clfsload_load_failures", "Entries that could not be listed or transferred.", false, float64(t.Failures)},
		metric{"clfsload_load_published", "1 when the container can be attached, otherwise 0.", false, published},
	)
}
