package load

import (
	"fmt"
	"os"

	"clfsload/sync/engine/publish"
	"clfsload/sync/statedir"
)

// logsToUpload are the logs as blobs. Their names are the same in every run of a transfer, and
// differ between transfers.
func (l *Load) logsToUpload() ([]publish.Log, error) {
	if !l.options.UploadLog || l.options.Merge.Into != "" { // a container has one transfer, and its log
		return nil, nil
	}
	files, err := statedir.Logs(l.journal.Dir())
	if err != nil {
		return nil, fmt.Errorf("find logs: %w", err)
	}
	var logs []publish.Log
	for i, file := range files {
		logs = append(logs, publish.Log{
			Name: fmt.Sprintf("clfsload-%s-%03d.log", l.journal.Settings.BucketUUID, i+1),
			Read: func() ([]byte, error) { return os.ReadFile(file) },
		})
	}
	return logs, nil
}
