package tests

import (
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// deadline bounds what a test waits for.
const deadline = 2 * time.Minute

// intakeStatus is what `clfsload status --json` tells of a writable mount.
type intakeStatus struct {
	Kind        string          `json:"kind"`
	PublishedAt string          `json:"published_at"`
	Running     bool            `json:"running"`
	PID         int             `json:"pid"`
	Entries     int             `json:"entries"`
	Staged      entriesAndBytes `json:"staged"`
	Uploading   entriesAndBytes `json:"uploading"`
	Uploaded    entriesAndBytes `json:"uploaded"`
	Unchanged   entriesAndBytes `json:"unchanged"`
	Deleting    struct {
		Removed  int `json:"removed_entries"`
		Replaced int `json:"replaced_blobs"`
	} `json:"deleting"`
	Trouble *struct {
		Reason  string  `json:"reason"`
		Seconds float64 `json:"seconds"`
	} `json:"trouble"`
	Failures   []pathAndWhy `json:"failures"`
	Incomplete []pathAndWhy `json:"incomplete"`
	Open       *struct {
		Files int          `json:"files"`
		First []pathAndWhy `json:"first"`
	} `json:"open_for_writing"`
	Staging *struct {
		Bytes int64 `json:"bytes"`
		Limit int64 `json:"limit"`
	} `json:"staging"`
}

type entriesAndBytes struct {
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"`
}

type pathAndWhy struct {
	Path   string `json:"path"`
	Why    string `json:"why"`
	Reason string `json:"reason"`
}

// incomplete are the paths of files whose writers were cut off.
func (s intakeStatus) incomplete() (paths []string) {
	for _, i := range s.Incomplete {
		paths = append(paths, strings.TrimPrefix(i.Path, "/"))
	}
	return paths
}

func (i *intake) status() (s intakeStatus) {
	i.t.Helper()
	decode(i.t, clfsload(i.t, "status", "--json", i.state).mustExit(exitOK).stdout, &s)
	return s
}

// awaitStatus asks until the answer is as wanted.
func (i *intake) awaitStatus(what string, wanted func(intakeStatus) bool) intakeStatus {
	i.t.Helper()
	end := time.Now().Add(deadline)
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		s := i.status()
		if wanted(s) {
			return s
		}
		if time.Now().After(end) {
			i.t.Fatalf("%s: never so, but %+v", what, s)
		}
	}
}

// progress is what the mount tells of a file in its extended attribute.
func progress(i *intake, name string) string {
	i.t.Helper()
	text := make([]byte, 100)
	n, err := unix.Getxattr(i.path(name), "user.clfsload.state", text)
	must(i.t, err)
	return string(text[:n])
}
