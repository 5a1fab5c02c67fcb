package clfs

import "testing"

func TestOnlyTheLogsOfCLFSLoadTellThatItFinishedAContainer(t *testing.T) {
	for _, c := range []struct {
		logs []string
		want bool
	}{
		{nil, false},
		{[]string{"clfsload.log"}, false},
		{[]string{"output.txt"}, true},
		{[]string{"output.process-transfer-0.txt", "output.process-reconcile-7.txt", "output.txt"}, true},
		{[]string{"output.process-transfer-0.txt"}, false},
		{[]string{"output.txt", "clfsload.log"}, false},
		{[]string{"output.txt", "output.txt.old"}, false},
	} {
		if got := (Bucket{Logs: c.logs}).FinishedByCLFSLoad(); got != c.want {
			t.Errorf("logs %q: %v, want %v", c.logs, got, c.want)
		}
	}
}
