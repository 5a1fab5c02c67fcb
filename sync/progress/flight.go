package progress

import (
	"clfsload/sync/report"
)

// Kinds of what a STATE belongs to.
const (
	KindLoad  = "load"
	KindMount = "mount"
)

// Flight is the entry that is in flight for the longest time.
type Flight struct {
	report.Path
	Seconds float64 `json:"seconds"`
}
