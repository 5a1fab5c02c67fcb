package target

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func TestEnvironmentFilesAreReadAsOtherToolsReadThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env")
	content := "# comment=1\n\nA=1\nexport B = two=2 \r\nC='?sv=1&sig=%2B'\nD=\"\"\nE=\"half\n no assignment\nA=last"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readEnvironmentFile(path)
	want := map[string]string{"A": "last", "B": "two=2", "C": "?sv=1&sig=%2B", "D": "", "E": `"half`}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("read %q, %v; want %q", got, err, want)
	}
}
