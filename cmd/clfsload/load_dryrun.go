package main

import "github.com/spf13/pflag"

// dryRunFlags are about what a load would do.
type dryRunFlags struct {
	gb    float64 // 10^9 bytes
	count int64
}

func (f *dryRunFlags) register(fl *pflag.FlagSet) {
	fl.Float64Var(&f.gb, "dry-run-gb", 0, "what a dry run has found, in GB (10^9 bytes): the time left is told before SOURCE is listed")
	fl.Int64Var(&f.count, "dry-run-count", 0, "what a dry run has found, in entries: likewise")
}
