package tests

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// rsync runs it, and returns what it printed and how it ended.
func rsync(arguments ...string) (string, error) {
	out, err := exec.Command("rsync", arguments...).CombinedOutput()
	return string(out), err
}

// exactTimes makes rsync set times of directories and symbolic links that differ by less
// than a second. By itself it leaves them: a tree that was just made can be such a one.
const exactTimes = "--modify-window=-1"

// runTool runs a program that is no test, and returns what it printed.
func runTool(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	return runToolIn(t, "", nil, name, arguments...)
}

// runToolIn runs it in a directory, with NAME=VALUE pairs in its environment.
func runToolIn(t *testing.T, directory string, environment []string, name string, arguments ...string) string {
	t.Helper()
	tool := exec.CommandContext(t.Context(), name, arguments...)
	tool.Dir, tool.Env = directory, append(os.Environ(), environment...)
	out, err := tool.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v (scripts/test-deps installs the tools)\n%s", name, strings.Join(arguments, " "), err, clip(string(out)))
	}
	return string(out)
}
