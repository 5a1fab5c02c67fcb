package tests

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clfsload/tests/blobserver"
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
	tr := newTransfer(t, modestTree(t))
	clfsload(t, tr.begin("--log-format", "json")...).mustExit(exitOK)
	blobs := directoryBlobs(t, tr.blobs)
	readContainer(t, blobs) // wants every blob to be an object or a log that is named
	logs := logBlobs(blobs.Names)
	if len(logs) != 1 {
		t.Fatalf("logs %q", logs)
	}
	uploaded, whole := readText(t, filepath.Join(tr.blobs, logs[0])), readText(t, filepath.Join(tr.state, "clfsload.log"))
	if uploaded == "" || !strings.HasPrefix(whole, uploaded) {
		t.Errorf("the blob is not the beginning of the log:\n%s", uploaded)
	}
	for _, line := range strings.Split(strings.TrimSpace(whole), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	if r := clfsload(t, "verify", "--json", "dir:"+tr.blobs).mustExit(exitOK); strings.Contains(r.stdout, logs[0]) {
		t.Errorf("verify remarks on the log:\n%s", r.stdout)
	}
}

func TestTheLogStaysOutOfTheContainerOnRequest(t *testing.T) {
	tr := newTransfer(t, modestTree(t))
	clfsload(t, tr.begin("--no-upload-log")...).mustExit(exitOK)
	if logs := logBlobs(directoryBlobs(t, tr.blobs).Names); len(logs) > 0 {
		t.Errorf("logs %q", logs)
	}
	if !strings.Contains(readText(t, filepath.Join(tr.state, "clfsload.log")), "run ended") {
		t.Error("no log in STATE")
	}
}

// A run that ends between the log and the root leaves nothing that its successor
// does not take over or away.
func TestARunThatEndsBeforeTheRootLeavesNoLogBehind(t *testing.T) {
	const root = "0000006457871C6B_"
	for title, flags := range map[string][]string{"uploaded again": nil, "taken away": {"--no-upload-log"}} {
		t.Run(title, func(t *testing.T) {
			source := modestTree(t)
			c := newMeteredContainer(t)
			state := filepath.Join(t.TempDir(), "state")
			c.Fail(blobserver.Fault{Operation: "Put", Prefix: root, Status: http.StatusForbidden, Code: "AuthorizationPermissionMismatch"})
			clfsload(t, append(c.into(state, source, "--new"), "--no-wait")...).mustExit(exitPermission)
			c.Check(t)
			first := logBlobs(c.inventory().Names)
			clfsload(t, append(c.into(state, source), flags...)...).mustExit(exitOK)
			second := logBlobs(c.inventory().Names)
			if len(first) != 1 || flags == nil && !slices.Equal(first, second) || flags != nil && len(second) > 0 {
				t.Errorf("logs %q, then %q", first, second)
			}
			readContainer(t, c.inventory())
		})
	}
}

func TestNoFileOfAStateHoldsACredential(t *testing.T) {
	source := modestTree(t)
	c := newMeteredContainer(t)
	state := filepath.Join(t.TempDir(), "state")
	const secret = "c2VjcmV0LW9mLWEtU0FT"
	url := strings.Replace(c.url, "sig=any", "sig="+secret, 1)
	clfsload(t, "load", "--new", "--log-level", "DEBUG", state, source, url).mustExit(exitOK)
	files, err := os.ReadDir(state)
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		if strings.Contains(readText(t, filepath.Join(state, file.Name())), secret) {
			t.Errorf("%s holds the SAS", file.Name())
		}
	}
	for name, data := range c.Blobs("container") {
		if strings.Contains(string(data), secret) {
			t.Errorf("blob %s holds the SAS", name)
		}
	}
}
