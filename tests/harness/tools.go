package harness

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Rsync runs it, and returns what it printed and how it ended.
func Rsync(arguments ...string) (string, error) {
	out, err := exec.Command("rsync", arguments...).CombinedOutput()
	return string(out), err
}

// ExactTimes makes rsync set times of directories and symbolic links that differ by less
// than a second. By itself it leaves them: a tree that was just made can be such a one.
const ExactTimes = "--modify-window=-1"

// RunTool runs a program that is no test, and returns what it printed.
func RunTool(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	return RunToolIn(t, "", nil, name, arguments...)
}

// RunToolIn runs it in a directory, with NAME=VALUE pairs in its environment.
func RunToolIn(t *testing.T, directory string, environment []string, name string, arguments ...string) string {
	t.Helper()
	tool := exec.CommandContext(t.Context(), name, arguments...)
	tool.Dir, tool.Env = directory, append(os.Environ(), environment...)
	out, err := tool.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v (scripts/test-deps installs the tools)\n%s", name, strings.Join(arguments, " "), err, Clip(string(out)))
	}
	return string(out)
}
