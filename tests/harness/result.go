package harness

import (
	"bytes"
	"strings"
	"testing"
)

// Result is what an execution left.
type Result struct {
	T         *testing.T
	Arguments []string
	Stdout    string
	Stderr    string
	Code      int // -1: ended by a signal
}

// MustExit ends the test unless the exit code was code.
func (r Result) MustExit(code int) Result {
	r.T.Helper()
	if r.Code != code {
		r.T.Fatalf("clfsload %s: exit code %d, not %d\nstdout:\n%s\nstderr:\n%s",
			strings.Join(r.Arguments, " "), r.Code, code, Clip(r.Stdout), Clip(r.Stderr))
	}
	return r
}

// MustSay wants each of the texts in what was printed, on either stream.
func (r Result) MustSay(texts ...string) Result {
	r.T.Helper()
	for _, text := range texts {
		if !strings.Contains(r.Stdout+r.Stderr, text) {
			r.T.Errorf("clfsload %s: does not say %q\nstdout:\n%s\nstderr:\n%s",
				strings.Join(r.Arguments, " "), text, Clip(r.Stdout), Clip(r.Stderr))
		}
	}
	return r
}

// MustNotSay wants the output to be without some texts.
func (r Result) MustNotSay(texts ...string) Result {
	r.T.Helper()
	for _, text := range texts {
		if strings.Contains(r.Stdout+r.Stderr, text) {
			r.T.Errorf("says %q:\n%s%s", text, r.Stdout, r.Stderr)
		}
	}
	return r
}

// Clip shortens long output for a message.
func Clip(text string) string {
	const most = 4000
	if len(text) <= most {
		return text
	}
	return text[:most/2] + "\n[...]\n" + text[len(text)-most/2:]
}

// MustNotPanic wants no trace of a crash.
func (r Result) MustNotPanic() Result {
	r.T.Helper()
	if strings.Contains(r.Stderr, "panic:") || strings.Contains(r.Stderr, "goroutine ") {
		r.T.Errorf("clfsload %s crashed:\n%s", strings.Join(r.Arguments, " "), Clip(r.Stderr))
	}
	return r
}

// MustBeOneLine wants one line of error that names the program, and no more, but for what a
// command says now and then while it waits.
func (r Result) MustBeOneLine() Result {
	r.T.Helper()
	text := r.Stderr
	for strings.HasPrefix(text, "clfsload: waiting: ") {
		_, text, _ = strings.Cut(text, "\n")
	}
	text = strings.TrimSuffix(text, "\n")
	if !strings.HasPrefix(text, "clfsload: ") || strings.Contains(text, "\n") {
		r.T.Errorf("clfsload %s: the error is not one line:\n%s", strings.Join(r.Arguments, " "), r.Stderr)
	}
	return r
}

// MustRefuseState wants a command to be refused because STATE and container do not
// belong together, and the container to stay as it is.
func MustRefuseState(t *testing.T, container string, arguments ...string) {
	t.Helper()
	before := ContentsOf(t, container)
	Clfsload(t, arguments...).MustExit(ExitState).MustBeOneLine().MustSay("do not belong together", "export")
	after := ContentsOf(t, container)
	for name, data := range before {
		if !bytes.Equal(after[name], data) {
			t.Errorf("%s was changed", name)
		}
	}
	if len(after) != len(before) {
		t.Errorf("the container has %d blobs, had %d", len(after), len(before))
	}
}
