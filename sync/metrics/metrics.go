package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"clfsload/sync/control"
	"clfsload/sync/engine"
	"clfsload/sync/openfiles"
	"clfsload/sync/outcome"
	"clfsload/sync/target"
)

// Metric is a number of this process. Names of counters end in _total.
type Metric struct {
	name    string
	help    string
	counter bool
	value   float64
}

func Gauge(name, help string, value float64) Metric   { return Metric{name, help, false, value} }
func counter(name, help string, value float64) Metric { return Metric{name, help, true, value} }

// write adds a metric in Prometheus's text format.
func (m Metric) write(w io.Writer) {
	kind, value := "gauge", metrics.WriteGaugeFloat64
	if m.counter {
		kind, value = "counter", metrics.WriteCounterFloat64
	}
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, kind)
	value(w, m.name, m.value)
}

// Server answers /metrics.
type Server struct {
	server *http.Server
	ended  chan struct{}
}

// Listen opens the address, before anything else is created. It returns nil without an address.
func Listen(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, outcome.New(outcome.Usage, fmt.Errorf("--metrics-addr %s: %w", address, err), "choose another address")
	}
	return l, nil
}

// CloseListener closes the listener of Listen. A second close does nothing.
func CloseListener(l net.Listener) {
	if l != nil {
		_ = l.Close()
	}
}

// Serve shows the metrics of collect. Without a listener it returns nil, which can be closed like
// any other server.
func Serve(l net.Listener, collect func() []Metric) *Server {
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
	s := &Server{ended: make(chan struct{}),
		server: &http.Server{Handler: mux, ReadTimeout: control.AnswerLimit, WriteTimeout: control.AnswerLimit, IdleTimeout: time.Minute}}
	go func() {
		defer close(s.ended)
		_ = s.server.Serve(openfiles.LimitConnections(l)) // ends with http.ErrServerClosed
	}()
	return s
}

func (s *Server) Close() {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		_ = s.server.Close()
	}
	<-s.ended
}

// OfEngine are the metrics that a load and a mount share.
func OfEngine(s *engine.Stats, limit int64, outage *target.Outage) []Metric {
	failing := 0.0
	if outage != nil {
		failing = 1
	}
	return []Metric{
		counter("clfsload_objects_total", "Objects uploaded by this process.", float64(s.Inodes.Load())),
		counter("clfsload_blobs_total", "Blobs put by this process.", float64(s.Blobs.Load())),
		counter("clfsload_sent_bytes_total", "Bytes of blobs put by this process.", float64(s.Sent.Load())),
		counter("clfsload_read_bytes_total", "Bytes of file contents read by this process.", float64(s.Read.Load())),
		Gauge("clfsload_bandwidth_limit_bytes", "Bytes a second that may be uploaded, 0 for no limit.", float64(limit)),
		Gauge("clfsload_outage", "1 while uploads fail and are retried, otherwise 0.", failing),
	}
}
