package tests

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	helpFlag    = regexp.MustCompile(`(?m)^\s+(?:-\w, )?(--[a-z-]+)`)
	helpCommand = regexp.MustCompile(`(?m)^  ([a-z-]+) +[A-Z]`)
)

// A flag that the guide does not name is one that nobody finds.
func TestUserGuideNamesEveryCommandAndFlag(t *testing.T) {
	guide, err := os.ReadFile("../docs/user-guide.md")
	if err != nil {
		t.Fatal(err)
	}
	root := clfsload(t, "--help").mustExit(exitOK)
	commands := helpCommand.FindAllStringSubmatch(root.stdout, -1)
	if len(commands) == 0 {
		t.Fatalf("no commands in\n%s", root.stdout)
	}
	for _, command := range commands {
		if name := command[1]; name != "help" {
			checkFlags(t, name, string(guide))
		}
	}
}

func checkFlags(t *testing.T, command, guide string) {
	t.Helper()
	if !strings.Contains(guide, "clfsload "+command) {
		t.Errorf("docs/user-guide.md does not show clfsload %s", command)
	}
	help := clfsload(t, command, "--help").mustExit(exitOK)
	for _, flag := range helpFlag.FindAllStringSubmatch(help.stdout, -1) {
		if !strings.Contains(guide, "`"+flag[1]) {
			t.Errorf("docs/user-guide.md does not name %s of clfsload %s", flag[1], command)
		}
	}
}
