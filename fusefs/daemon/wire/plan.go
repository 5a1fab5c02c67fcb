package wire

import (
	"time"

	"clfsload/sync/report"
)

// PlannedPut is an inode that the next publication puts.
type PlannedPut struct {
	Put string `json:"put"`
	report.Path
	Reason string `json:"reason"`
	Phase  string `json:"phase"`
	Form   string `json:"form,omitempty"` // of a directory: interim or final
}

// PlanSummary follows the puts. Where it is missing, the list was cut off.
type PlanSummary struct {
	Summary *Report `json:"summary"`
}

// PlanPatience is how long a mount waits for a reader of its plan.
const PlanPatience = time.Minute
