package load

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/DeRuina/timberjack"

	"clfsload/sync/engine"
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

// NewLogFile returns the log of a transfer. It is opened by the first line; a line
// that cannot be written, because the disk is full, is lost and stops nothing.
func NewLogFile(stateDir string) *timberjack.Logger {
	return &timberjack.Logger{
		Filename:   filepath.Join(stateDir, logName),
		MaxSize:    logMegabytes,
		MaxBackups: logFiles - 1,
		FileMode:   0o600,
	}
}

// logsIn returns the log files of a state directory, the oldest first.
func logsIn(stateDir string) ([]string, error) {
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

// logsToUpload are the logs as blobs. Their names are the same in every run of a
// transfer and in no other.
func (l *Load) logsToUpload() ([]engine.Log, error) {
	if !l.options.UploadLog || l.options.Merge.Into != "" { // a container has one transfer, and its log
		return nil, nil
	}
	files, err := logsIn(l.Journal.Dir())
	if err != nil {
		return nil, fmt.Errorf("find logs: %w", err)
	}
	var logs []engine.Log
	for i, file := range files {
		logs = append(logs, engine.Log{
			Name: fmt.Sprintf("clfsload-%s-%03d.log", l.Journal.Settings.BucketUUID, i+1),
			Read: func() ([]byte, error) { return os.ReadFile(file) },
		})
	}
	return logs, nil
}
