package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"clfsload/sync/load"
)

// dryRunFlags are about what a load would do.
type dryRunFlags struct {
	only  bool
	json  bool
	gb    float64 // 10^9 bytes
	count int64
}

func (f *dryRunFlags) register(fl *pflag.FlagSet) {
	fl.BoolVar(&f.only, "dry-run", false, "list SOURCE, tell what a load would transfer, and touch neither STATE nor TARGET")
	fl.BoolVar(&f.json, "json", false, "with --dry-run: print one JSON object; sizes are in bytes")
	fl.Float64Var(&f.gb, "dry-run-gb", 0, "what a dry run has found, in GB (10^9 bytes): the time left is told before SOURCE is listed")
	fl.Int64Var(&f.count, "dry-run-count", 0, "what a dry run has found, in entries: likewise")
}

func (f *dryRunFlags) check() error {
	switch {
	case f.gb < 0 || f.gb > 1e9:
		return fmt.Errorf("--dry-run-gb %g: it must be between 0 and 10^9", f.gb)
	case f.count < 0:
		return fmt.Errorf("--dry-run-count %d: it must not be negative", f.count)
	case f.json && !f.only:
		return fmt.Errorf("--json goes with --dry-run; a load leaves %s in STATE", load.ReportName)
	}
	return nil
}
