package needs

import (
	"os"
	"testing"
)

// Root is called first by a test that mounts, makes devices or changes owners.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if testing.Short() {
		t.Skip("needs root")
	}
	t.Fatal("needs root; with -short it is skipped")
}
