package flags

import "github.com/spf13/pflag"

// Metrics say where a load or mount shows its numbers.
type Metrics struct{ Address string }

func (f *Metrics) Register(fl *pflag.FlagSet) {
	fl.StringVar(&f.Address, "metrics-addr", "", "serve metrics for Prometheus at http://`HOST:PORT`/metrics; :PORT means all addresses of this machine")
}
