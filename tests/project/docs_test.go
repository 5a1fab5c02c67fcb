package project

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"clfsload/tests/harness"
)

var (
	helpFlag    = regexp.MustCompile(`(?m)^\s+(?:(-\w), )?(--[a-z-]+)`)
	metricName  = regexp.MustCompile(`"(clfsload_\w+)"`)
	helpCommand = regexp.MustCompile(`(?m)^  ([a-z-]+) +[A-Z]`)
)

// guides are the documents that tell users of commands and flags.
func guides(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, name := range []string{"user-guide.md", "reading.md", "mounting.md", "operations.md"} {
		text, err := os.ReadFile(harness.InModule("docs/" + name))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// A flag that no guide names is one that nobody finds.
func TestGuidesNameEveryCommandAndFlag(t *testing.T) {
	text := guides(t)
	root := harness.Clfsload(t, "--help").MustExit(harness.ExitOK)
	commands := helpCommand.FindAllStringSubmatch(root.Stdout, -1)
	if len(commands) == 0 {
		t.Fatalf("no commands in\n%s", root.Stdout)
	}
	for _, command := range commands {
		if name := command[1]; name != "help" {
			checkFlags(t, name, text)
		}
	}
}

func checkFlags(t *testing.T, command, text string) {
	t.Helper()
	if !strings.Contains(text, "clfsload "+command) {
		t.Errorf("no guide shows clfsload %s", command)
	}
	help := harness.Clfsload(t, command, "--help").MustExit(harness.ExitOK)
	for _, flag := range helpFlag.FindAllStringSubmatch(help.Stdout, -1) {
		short, long := flag[1], flag[2]
		if !named(text, long) && (short == "" || !named(text, short)) {
			t.Errorf("no guide names %s of clfsload %s", long, command)
		}
	}
}

// named tells whether the text has the flag as a word.
func named(text, flag string) bool {
	return regexp.MustCompile(`(^|[^\w-])` + flag + `($|[^\w-])`).MatchString(text)
}

func TestTheGuideNamesEveryMetric(t *testing.T) {
	guide, metrics := guides(t), map[string]bool{}
	for _, p := range listPackages(t) {
		for _, file := range p.GoFiles {
			source, err := os.ReadFile(filepath.Join(p.Dir, file))
			harness.Must(t, err)
			for _, name := range metricName.FindAllSubmatch(source, -1) {
				metrics[string(name[1])] = true
			}
		}
	}
	if len(metrics) < 20 {
		t.Errorf("%d metrics only", len(metrics))
	}
	for name := range metrics {
		if !strings.Contains(guide, "`"+name+"`") {
			t.Errorf("no guide names %s", name)
		}
	}
}
