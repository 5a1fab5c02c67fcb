package statedir

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/DeRuina/timberjack"
)

// The log of a transfer in STATE: every run appends to logName. When a file has logMegabytes, it is
// renamed with the time in its name. If there are more than logFiles, the oldest is removed. Each
// file becomes one blob, so it is kept as small as the other blobs.
const (
	logName      = "clfsload.log"
	logMegabytes = 8
	logFiles     = 10
)

// NewLog returns the log of a transfer. The first line opens it. A line that cannot be written,
// because the disk is full, is lost; the run continues.
func NewLog(stateDir string) *timberjack.Logger {
	return &timberjack.Logger{
		Filename:   filepath.Join(stateDir, logName),
		MaxSize:    logMegabytes,
		MaxBackups: logFiles - 1,
		FileMode:   0o600,
	}
}

// Logs returns the log files of a state directory, the oldest first.
func Logs(stateDir string) ([]string, error) {
	const pattern = "clfsload-*.log" // the names of rotated logs; their times sort as text
	files, err := filepath.Glob(filepath.Join(escapeGlob(stateDir), pattern))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	current := filepath.Join(stateDir, logName)
	if _, err := os.Stat(current); err == nil {
		files = append(files, current)
	}
	return files, nil
}

// escapeGlob keeps filepath.Glob from taking a directory's name for a pattern.
func escapeGlob(dir string) string {
	var out []byte
	for _, c := range []byte(dir) {
		if c == '*' || c == '?' || c == '[' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return string(out)
}
