package flags

import (
	"fmt"

	"github.com/spf13/pflag"

	"clfsload/sync/load"
)

// DryRun are the flags of a dry run and of its results.
type DryRun struct {
	Only  bool
	JSON  bool
	GB    float64 // 10^9 bytes
	Count int64
}

func (f *DryRun) Register(fl *pflag.FlagSet) {
	fl.BoolVar(&f.Only, "dry-run", false, "list SOURCE, report what a load would transfer, and touch neither STATE nor TARGET")
	fl.BoolVar(&f.JSON, "json", false, "with --dry-run: print one JSON object; sizes are in bytes")
	fl.Float64Var(&f.GB, "dry-run-gb", 0, "bytes that a dry run has found, in GB (10^9 bytes): used to estimate the remaining time before SOURCE is listed")
	fl.Int64Var(&f.Count, "dry-run-count", 0, "entries that a dry run has found, for the same estimate")
}

func (f *DryRun) Check() error {
	switch {
	case f.GB < 0 || f.GB > 1e9:
		return fmt.Errorf("--dry-run-gb %g: it must be between 0 and 10^9", f.GB)
	case f.Count < 0:
		return fmt.Errorf("--dry-run-count %d: it must not be negative", f.Count)
	case f.JSON && !f.Only:
		return fmt.Errorf("--json needs --dry-run; a load writes %s into STATE", load.ReportName)
	}
	return nil
}
