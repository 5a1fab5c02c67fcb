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

	"clfsload/sync/engine"
	"clfsload/sync/outcome"
	"clfsload/sync/target"
)

// metric is a number of this process. Names of counters end in _total.
type metric struct {
	name    string
	help    string
	counter bool
	value   float64
}

func gauge(name, help string, value float64) metric   { return metric{name, help, false, value} }
func counter(name, help string, value float64) metric { return metric{name, help, true, value} }

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

// listenMetrics takes the address, before anything is made. It returns nil without an address.
func listenMetrics(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, outcome.New(outcome.Usage, fmt.Errorf("--metrics-addr %s: %w", address, err), "choose another address")
	}
	return l, nil
}

// closeListener closes what listenMetrics has returned. Closing again does nothing.
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
		counter("clfsload_objects_total", "Objects uploaded by this process.", float64(s.Inodes.Load())),
		counter("clfsload_blobs_total", "Blobs put by this process.", float64(s.Blobs.Load())),
		counter("clfsload_sent_bytes_total", "Bytes of blobs put by this process.", float64(s.Sent.Load())),
		counter("clfsload_read_bytes_total", "Bytes of file contents read by this process.", float64(s.Read.Load())),
		gauge("clfsload_bandwidth_limit_bytes", "Bytes a second that may be uploaded, 0 for no limit.", float64(limit)),
		gauge("clfsload_outage", "1 while uploads fail and are repeated, otherwise 0.", failing),
	}
}
