package main

import "github.com/spf13/pflag"

// metricsFlags say where a load or mount shows its numbers.
type metricsFlags struct{ address string }

func (f *metricsFlags) register(fl *pflag.FlagSet) {
	fl.StringVar(&f.address, "metrics-addr", "", "serve numbers for Prometheus at http://`HOST:PORT`/metrics; :PORT is every address of this machine")
}
