package load

import (
	"fmt"
	"path/filepath"
	"testing"

	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/statedir"
)

func TestRotatedLogsAreUploadedTheOldestFirstUnderNamesThatStay(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd [state]*")
	j, err := state.Create(dir, state.Settings{BucketUUID: "uuid"}, state.Attr{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	l := &Load{journal: j, options: Options{UploadLog: true}}
	if logs, err := l.logsToUpload(); err != nil || len(logs) != 0 {
		t.Errorf("before anything was logged: %v %v", logs, err)
	}
	f := statedir.NewLog(dir)
	defer f.Close()
	for i := range 3 {
		fmt.Fprintf(f, "line %d\n", i)
		if i < 2 {
			if err := f.Rotate(); err != nil {
				t.Fatal(err)
			}
		}
	}
	logs, err := l.logsToUpload()
	if err != nil || len(logs) != 3 {
		t.Fatalf("%d logs: %v", len(logs), err)
	}
	for i, log := range logs {
		data, err := log.Read()
		if err != nil || string(data) != fmt.Sprintf("line %d\n", i) {
			t.Errorf("log %d is %q: %v", i, data, err)
		}
		if want := fmt.Sprintf("clfsload-uuid-%03d.log", i+1); log.Name != want || blob.CheckName(log.Name) != nil {
			t.Errorf("log %d is called %s", i, log.Name)
		}
	}
	l.options.UploadLog = false
	if logs, err := l.logsToUpload(); err != nil || len(logs) != 0 {
		t.Errorf("with --no-upload-log: %v %v", logs, err)
	}
}
