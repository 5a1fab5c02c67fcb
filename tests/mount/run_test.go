package mount

import (
	"encoding/json"
	"testing"
)

// segmentBlob is a segment of a file or directory.
type segmentBlob struct{ Blob, ID string }

// segmentsIn are the segments in what stat --blobs --json printed.
func segmentsIn(t *testing.T, printed string) []segmentBlob {
	t.Helper()
	var stat struct{ Segments []segmentBlob }
	if err := json.Unmarshal([]byte(printed), &stat); err != nil {
		t.Fatal(err)
	}
	return stat.Segments
}
