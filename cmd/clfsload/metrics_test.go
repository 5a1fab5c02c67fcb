package main

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestMetricsComeInThePrometheusTextFormat(t *testing.T) {
	var b strings.Builder
	metric{"clfsload_blobs_total", "Blobs put.", true, 12}.write(&b)
	metric{"clfsload_outage", "1 while uploads fail.", false, 0.5}.write(&b)
	want := "# HELP clfsload_blobs_total Blobs put.\n# TYPE clfsload_blobs_total counter\nclfsload_blobs_total 12\n" +
		"# HELP clfsload_outage 1 while uploads fail.\n# TYPE clfsload_outage gauge\nclfsload_outage 0.5\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
}

func TestAnAddressThatIsTakenIsRefused(t *testing.T) {
	l, err := (&metricsFlags{"127.0.0.1:0"}).listen()
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	defer serveMetrics(l, func() []metric { return nil }).close()
	if _, err := (&metricsFlags{address}).listen(); err == nil {
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

func TestTheGuideNamesEveryMetric(t *testing.T) {
	source, err := os.ReadFile("metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`"(clfsload_\w+)"`).FindAllSubmatch(source, -1)
	if len(names) < 20 {
		t.Fatalf("%d metrics only", len(names))
	}
	for _, name := range names {
		if !strings.Contains(string(guide), "`"+string(name[1])+"`") {
			t.Errorf("docs/operations.md does not name %s", name[1])
		}
	}
}
