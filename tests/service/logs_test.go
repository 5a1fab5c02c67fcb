package service

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// logBlobs are the names in a container that are no object's.
func logBlobs(names []string) (logs []string) {
	for _, name := range names {
		if strings.HasSuffix(name, ".log") {
			logs = append(logs, name)
		}
	}
	return logs
}

func TestTheLogIsInTheContainerAndNamedByItsBucket(t *testing.T) {
	tr := harness.NewTransfer(t, trees.ModestTree(t))
	harness.Clfsload(t, tr.Begin("--log-format", "json")...).MustExit(harness.ExitOK)
	blobs := trees.DirectoryBlobs(t, tr.Blobs)
	trees.ReadContainer(t, blobs) // wants every blob to be an object or a log that is named
	logs := logBlobs(blobs.Names)
	if len(logs) != 1 {
		t.Fatalf("logs %q", logs)
	}
	uploaded, whole := harness.ReadText(t, filepath.Join(tr.Blobs, logs[0])), harness.ReadText(t, filepath.Join(tr.State, "clfsload.log"))
	if uploaded == "" || !strings.HasPrefix(whole, uploaded) {
		t.Errorf("the blob is not the beginning of the log:\n%s", uploaded)
	}
	for _, line := range strings.Split(strings.TrimSpace(whole), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	if r := harness.Clfsload(t, "verify", "--json", "dir:"+tr.Blobs).MustExit(harness.ExitOK); strings.Contains(r.Stdout, logs[0]) {
		t.Errorf("verify remarks on the log:\n%s", r.Stdout)
	}
}

func TestTheLogStaysOutOfTheContainerOnRequest(t *testing.T) {
	tr := harness.NewTransfer(t, trees.ModestTree(t))
	harness.Clfsload(t, tr.Begin("--no-upload-log")...).MustExit(harness.ExitOK)
	if logs := logBlobs(trees.DirectoryBlobs(t, tr.Blobs).Names); len(logs) > 0 {
		t.Errorf("logs %q", logs)
	}
	if !strings.Contains(harness.ReadText(t, filepath.Join(tr.State, "clfsload.log")), "run ended") {
		t.Error("no log in STATE")
	}
}

// A run that ends between the log and the root leaves nothing that its successor
// does not take over or away.
func TestARunThatEndsBeforeTheRootLeavesNoLogBehind(t *testing.T) {
	const root = "0000006457871C6B_"
	for title, flags := range map[string][]string{"uploaded again": nil, "taken away": {"--no-upload-log"}} {
		t.Run(title, func(t *testing.T) {
			source := trees.ModestTree(t)
			c := remote.NewMetered(t)
			state := filepath.Join(t.TempDir(), "state")
			c.Fail(blobserver.Fault{Operation: "Put", Prefix: root, Status: http.StatusForbidden, Code: "AuthorizationPermissionMismatch"})
			harness.Clfsload(t, append(c.Into(state, source, "--new"), "--no-wait")...).MustExit(harness.ExitPermission)
			c.Check(t)
			first := logBlobs(c.Inventory().Names)
			harness.Clfsload(t, append(c.Into(state, source), flags...)...).MustExit(harness.ExitOK)
			second := logBlobs(c.Inventory().Names)
			if len(first) != 1 || flags == nil && !slices.Equal(first, second) || flags != nil && len(second) > 0 {
				t.Errorf("logs %q, then %q", first, second)
			}
			trees.ReadContainer(t, c.Inventory())
		})
	}
}

func TestNoFileOfAStateHoldsACredential(t *testing.T) {
	source := trees.ModestTree(t)
	c := remote.NewMetered(t)
	state := filepath.Join(t.TempDir(), "state")
	const secret = "c2VjcmV0LW9mLWEtU0FT"
	url := strings.Replace(c.URL, "sig=any", "sig="+secret, 1)
	harness.Clfsload(t, "load", "--new", "--log-level", "DEBUG", state, source, url).MustExit(harness.ExitOK)
	files, err := os.ReadDir(state)
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		if strings.Contains(harness.ReadText(t, filepath.Join(state, file.Name())), secret) {
			t.Errorf("%s holds the SAS", file.Name())
		}
	}
	for name, data := range c.Blobs("container") {
		if strings.Contains(string(data), secret) {
			t.Errorf("blob %s holds the SAS", name)
		}
	}
}
