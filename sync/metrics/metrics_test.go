package metrics

import (
	"net/http"
	"strings"
	"testing"
)

func TestMetricsComeInThePrometheusTextFormat(t *testing.T) {
	var b strings.Builder
	counter("clfsload_blobs_total", "Blobs put.", 12).write(&b)
	Gauge("clfsload_outage", "1 while uploads fail.", 0.5).write(&b)
	want := "# HELP clfsload_blobs_total Blobs put.\n# TYPE clfsload_blobs_total counter\nclfsload_blobs_total 12\n" +
		"# HELP clfsload_outage 1 while uploads fail.\n# TYPE clfsload_outage gauge\nclfsload_outage 0.5\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
}

func TestAnAddressThatIsTakenIsRefused(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	defer Serve(l, func() []Metric { return nil }).Close()
	if _, err := Listen(address); err == nil {
		t.Errorf("%s was taken twice", address)
	}
	r, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Error(r.Status)
	}
}
