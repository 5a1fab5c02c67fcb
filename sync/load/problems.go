package load

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"clfsload/state"
	"clfsload/sync/durable"
	"clfsload/sync/report"
)

// The files in STATE that list failed entries.
const (
	FailuresText  = "problems.txt"   // a path a line
	failuresLines = "problems.jsonl" // a JSON object a line, with the reason
)

// Failure is a line of problems.jsonl.
type Failure struct {
	report.Path
	Op     string `json:"op"`              // the operation
	Errno  string `json:"errno,omitempty"` // the name of the error, if the reason is a system error
	Reason string `json:"reason"`
}

// writeFailures lists the failed entries in both files, or removes the files if there are none.
func writeFailures(ctx context.Context, j *state.Journal) error {
	text, lines := filepath.Join(j.Dir(), FailuresText), filepath.Join(j.Dir(), failuresLines)
	if j.Totals().Failures == 0 {
		return errors.Join(durable.Remove(text), durable.Remove(lines))
	}
	return durable.Replace(text, func(t *bufio.Writer) error {
		return durable.Replace(lines, func(l *bufio.Writer) error { return listFailures(ctx, j, t, l) })
	})
}

func listFailures(ctx context.Context, j *state.Journal, text, lines *bufio.Writer) error {
	names := errnoNames()
	encoder := json.NewEncoder(lines)
	encoder.SetEscapeHTML(false)
	return j.EachFailure(ctx, func(f state.FailedEntry) error {
		if _, err := text.WriteString(report.Quote(f.Path) + "\n"); err != nil {
			return err
		}
		return encoder.Encode(Failure{report.NewPath(f.Path), f.Op, names[f.Reason], f.Reason})
	})
}

// errnoNames maps the text of each system error to its name, such as EACCES.
func errnoNames() map[string]string {
	const last = syscall.Errno(133) // EHWPOISON
	names := make(map[string]string)
	for e := syscall.Errno(1); e <= last; e++ {
		names[e.Error()] = unix.ErrnoName(e)
	}
	return names
}
