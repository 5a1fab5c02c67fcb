package statedir

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/DeRuina/timberjack"
)

// The log of a transfer in STATE: every run appends to logName. A file that has
// grown to logMegabytes is renamed with the time in its name, and the oldest goes
// when there are more than logFiles. Each becomes one blob, so they are kept as
// small as the other blobs.
const (
	logName      = "clfsload.log"
	logMegabytes = 8
	logFiles     = 10
)

// NewLog returns the log of a transfer. It is opened by the first line; a line
// that cannot be written, because the disk is full, is lost and stops nothing.
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
	const pattern = "clfsload-*.log" // what the rotation makes of logName; its times sort as text
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
