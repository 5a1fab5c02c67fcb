package fusefs

import (
	"bufio"
	"os"
	"strings"
)

// A MountEntry says that a directory of a file system is seen at a path.
type MountEntry struct {
	Point  string // the path
	Device string // of the file system, MAJOR:MINOR
	Root   string // the directory in it, an absolute path
}

// MountTable returns what is mounted, in the order in which it was.
func MountTable() ([]MountEntry, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var table []MountEntry
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 4 {
			table = append(table, MountEntry{Device: fields[2], Root: unescape(fields[3]), Point: unescape(fields[4])})
		}
	}
	return table, lines.Err()
}
