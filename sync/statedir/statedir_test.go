package statedir

import (
	"strings"
	"testing"
)

func TestEachMountPointHasAStateOfItsOwn(t *testing.T) {
	long := "/" + strings.Repeat("directory/", 40)
	seen := map[string]string{}
	for _, point := range []string{"/mnt/clfs", "/mnt-clfs", "/mnt/clfs%2D", "/mnt/clfs-", "/.mnt/clfs", "/%2Emnt/clfs", "/", "/%2F", long + "a", long + "b"} {
		name := escapePoint(point)
		if strings.ContainsAny(name, "/") || strings.HasPrefix(name, ".") || len(name) > 200 {
			t.Errorf("%s: %q cannot be a directory's name", point, name)
		}
		if other, taken := seen[name]; taken {
			t.Errorf("%s and %s are both %q", point, other, name)
		}
		seen[name] = point
	}
	if got := escapePoint("/mnt/clfs"); got != "mnt-clfs" {
		t.Errorf("/mnt/clfs is %q", got)
	}
}

func TestStateHomeIsFoundWithoutAHomeInTheEnvironment(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "")
	if home, err := Home(); err != nil || !strings.HasSuffix(home, "/.local/state/clfsload") {
		t.Errorf("%q, %v", home, err)
	}
}
