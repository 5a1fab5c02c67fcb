package rescue

import (
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// Panic is the error of work that has panicked. It is a fault of the program.
type Panic struct {
	Value any
	Stack []byte // of the goroutine that has panicked
	where string // the line that has panicked
}

func (p *Panic) Error() string {
	return fmt.Sprintf("fault of the program at %s, please report it: %v", p.where, p.Value)
}

// Into stores a panic of the function that defers it in err. It must be deferred
// itself: defer rescue.Into(&err).
func Into(err *error) {
	if v := recover(); v != nil {
		*err = Of(v)
	}
}

// Of makes an error of what recover has returned, before the function that has called
// recover returns.
func Of(v any) *Panic { return &Panic{Value: v, Stack: debug.Stack(), where: origin()} }

// origin finds the line that has panicked: it called the runtime, which has called the
// function that recovers.
func origin() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for panicking, more := false, true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		if panicking && !inRuntime {
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		}
		panicking = panicking || inRuntime
	}
	return "an unknown line"
}

// Call calls f, and returns its panic as an error.
func Call(f func() error) (err error) {
	defer Into(&err)
	return f()
}

// Func returns f with its panics as errors, for a goroutine of a group.
func Func(f func() error) func() error {
	return func() error { return Call(f) }
}
