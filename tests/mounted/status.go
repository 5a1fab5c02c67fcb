package mounted

import (
	"strings"
)

// IntakeStatus is what `clfsload status --json` tells of a writable mount.
type IntakeStatus struct {
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

// IncompletePaths are the paths of files whose writers were cut off.
func (s IntakeStatus) IncompletePaths() (paths []string) {
	for _, i := range s.Incomplete {
		paths = append(paths, strings.TrimPrefix(i.Path, "/"))
	}
	return paths
}
