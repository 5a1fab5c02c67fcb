package wire

import (
	"clfsload/sync/outcome"
	"clfsload/sync/report"
)

// Report answers flush, publish and unmount. Uploaded says that everything is
// uploaded that was acknowledged before the call, Published that all of that is
// reachable from the root of the container.
type Report struct {
	Uploaded  bool    `json:"uploaded"`
	Published bool    `json:"published"`
	Target    string  `json:"target"`
	Unmounted bool    `json:"unmounted,omitempty"`
	Seconds   float64 `json:"seconds"`
	Objects   int64   `json:"objects"`     // that the publication wrote
	Dirs      int64   `json:"directories"` // likewise
	LeftTotal int     `json:"left_total"`
	Left      []Left  `json:"left"` // the first of them

	// Incomplete files that are not published, and that are no failure.
	IncompleteTotal int    `json:"left_incomplete_total"`
	Incomplete      []Left `json:"left_incomplete"` // the first of them

	Error string `json:"error,omitempty"` // why not everything was done, and what to do
	Code  int    `json:"code,omitempty"`  // the exit code that goes with Error
}

// NewReport is a report of which nothing is done yet.
func NewReport(target string) Report {
	return Report{Target: target, Left: []Left{}, Incomplete: []Left{}}
}

// Add names what is not uploaded or not published.
func (r *Report) Add(path, why string) {
	if len(r.Left) < ListedLeft {
		r.Left = append(r.Left, Left{report.NewPath(path), why})
	}
	r.LeftTotal++
}

// AddIncomplete names an incomplete file that is no failure.
func (r *Report) AddIncomplete(path, why string) {
	if len(r.Incomplete) < ListedLeft {
		r.Incomplete = append(r.Incomplete, Left{report.NewPath(path), why})
	}
	r.IncompleteTotal++
}

// Reset takes back what was named as left.
func (r *Report) Reset() {
	r.Left, r.LeftTotal, r.Incomplete, r.IncompleteTotal = []Left{}, 0, []Left{}, 0
}

// Fail notes why not everything was done.
func (r *Report) Fail(err error) {
	if r.Left == nil {
		r.Reset()
	}
	if err != nil {
		r.Code, r.Error = outcome.Describe(err)
	}
}

// After adds what was done before for the same request.
func (r *Report) After(before Report) {
	r.Seconds += before.Seconds
	r.Objects += before.Objects
	r.Dirs += before.Dirs
}

// ListedLeft bounds the lists of what is not uploaded or not published.
const ListedLeft = 1000

// Left is an entry that is not uploaded, or not published as it is now.
type Left struct {
	report.Path
	Why string `json:"why"`
}
