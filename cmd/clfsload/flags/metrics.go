package flags

import "github.com/spf13/pflag"

// Metrics is the flag for the address of the metrics.
type Metrics struct{ Address string }

func (f *Metrics) Register(fl *pflag.FlagSet) {
	fl.StringVar(&f.Address, "metrics-addr", "", "serve metrics for Prometheus at http://`HOST:PORT`/metrics; :PORT means all addresses of this machine")
}
