package tests

import (
	"bytes"
	"strings"
	"testing"
)

// result is what an execution left.
type result struct {
	t         *testing.T
	arguments []string
	stdout    string
	stderr    string
	code      int // -1: ended by a signal
}

// mustExit ends the test unless the exit code was code.
func (r result) mustExit(code int) result {
	r.t.Helper()
	if r.code != code {
		r.t.Fatalf("clfsload %s: exit code %d, not %d\nstdout:\n%s\nstderr:\n%s",
			strings.Join(r.arguments, " "), r.code, code, clip(r.stdout), clip(r.stderr))
	}
	return r
}

// mustSay wants each of the texts in what was printed, on either stream.
func (r result) mustSay(texts ...string) result {
	r.t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.stdout+r.stderr, text) {
			r.t.Errorf("clfsload %s: does not say %q\nstdout:\n%s\nstderr:\n%s",
				strings.Join(r.arguments, " "), text, clip(r.stdout), clip(r.stderr))
		}
	}
	return r
}

// mustNotSay wants the output to be without some texts.
func (r result) mustNotSay(texts ...string) result {
	r.t.Helper()
	for _, text := range texts {
		if strings.Contains(r.stdout+r.stderr, text) {
			r.t.Errorf("says %q:\n%s%s", text, r.stdout, r.stderr)
		}
	}
	return r
}

// clip shortens long output for a message.
func clip(text string) string {
	const most = 4000
	if len(text) <= most {
		return text
	}
	return text[:most/2] + "\n[...]\n" + text[len(text)-most/2:]
}

// mustNotPanic wants no trace of a crash.
func (r result) mustNotPanic() result {
	r.t.Helper()
	if strings.Contains(r.stderr, "panic:") || strings.Contains(r.stderr, "goroutine ") {
		r.t.Errorf("clfsload %s crashed:\n%s", strings.Join(r.arguments, " "), clip(r.stderr))
	}
	return r
}

// mustBeOneLine wants one line of error that names the program, and no more, but for what a
// command says now and then while it waits.
func (r result) mustBeOneLine() result {
	r.t.Helper()
	text := r.stderr
	for strings.HasPrefix(text, "clfsload: waiting: ") {
		_, text, _ = strings.Cut(text, "\n")
	}
	text = strings.TrimSuffix(text, "\n")
	if !strings.HasPrefix(text, "clfsload: ") || strings.Contains(text, "\n") {
		r.t.Errorf("clfsload %s: the error is not one line:\n%s", strings.Join(r.arguments, " "), r.stderr)
	}
	return r
}

// mustRefuseState wants a command to be refused because STATE and container do not
// belong together, and the container to stay as it is.
func mustRefuseState(t *testing.T, container string, arguments ...string) {
	t.Helper()
	before := contentsOf(t, container)
	clfsload(t, arguments...).mustExit(exitState).mustBeOneLine().mustSay("do not belong together", "export")
	after := contentsOf(t, container)
	for name, data := range before {
		if !bytes.Equal(after[name], data) {
			t.Errorf("%s was changed", name)
		}
	}
	if len(after) != len(before) {
		t.Errorf("the container has %d blobs, had %d", len(after), len(before))
	}
}
