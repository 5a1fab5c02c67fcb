package daemon

import (
	"clfsload/sync/outcome"
	"clfsload/sync/report"
)

// Report answers flush, publish and unmount. Uploaded says that everything is
// uploaded that was acknowledged before the call, Published that all of that is
// reachable from the root of the container.
type Report struct {
	Uploaded  bool        `json:"uploaded"`
	Published bool        `json:"published"`
	Target    string      `json:"target"`
	Unmounted bool        `json:"unmounted,omitempty"`
	Seconds   float64     `json:"seconds"`
	Objects   int64       `json:"objects"`     // that the publication wrote
	Dirs      int64       `json:"directories"` // likewise
	LeftTotal int         `json:"left_total"`
	Left      []LeftValue `json:"left"` // the first of them

	// Incomplete files that are not published, and that are no failure.
	IncompleteTotal int         `json:"left_incomplete_total"`
	Incomplete      []LeftValue `json:"left_incomplete"` // the first of them

	Error string `json:"error,omitempty"` // why not everything was done, and what to do
	Code  int    `json:"code,omitempty"`  // the exit code that goes with Error
}

// newReport is a report of which nothing is done yet.
func newReport(target string) Report {
	return Report{Target: target, Left: []LeftValue{}, Incomplete: []LeftValue{}}
}

// add names what is not uploaded or not published.
func (r *Report) add(path, why string) {
	if len(r.Left) < ShownLeft {
		r.Left = append(r.Left, LeftValue{report.NewPath(path), why})
	}
	r.LeftTotal++
}

// addIncomplete names an incomplete file that is no failure.
func (r *Report) addIncomplete(path, why string) {
	if len(r.Incomplete) < ShownLeft {
		r.Incomplete = append(r.Incomplete, LeftValue{report.NewPath(path), why})
	}
	r.IncompleteTotal++
}

// reset takes back what was named as left.
func (r *Report) reset() {
	r.Left, r.LeftTotal, r.Incomplete, r.IncompleteTotal = []LeftValue{}, 0, []LeftValue{}, 0
}

// Fail notes why not everything was done.
func (r *Report) Fail(err error) {
	if r.Left == nil {
		r.reset()
	}
	if err != nil {
		r.Code, r.Error = outcome.Describe(err)
	}
}

// after adds what was done before for the same request.
func (r *Report) after(before Report) {
	r.Seconds += before.Seconds
	r.Objects += before.Objects
	r.Dirs += before.Dirs
}

// ShownLeft bounds the lists of what is not uploaded or not published.
const ShownLeft = 1000

// LeftValue is an entry that is not uploaded, or not published as it is now.
type LeftValue struct {
	report.Path
	Why string `json:"why"`
}
