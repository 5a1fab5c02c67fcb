package wire

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"clfsload/sync/progress"
	"clfsload/sync/report"
)

// Status is how a mount stands, for `clfsload status --json`. Sizes are in bytes,
// of contents of regular files.
type Status struct {
	Kind       string `json:"kind"` // "mount"
	Running    bool   `json:"running"`
	PID        int    `json:"pid,omitempty"`
	Version    string `json:"version"`
	State      string `json:"state"`
	MountPoint string `json:"mountpoint"` // of the last mount, if none runs
	Target     string `json:"target"`

	Adopted     bool      `json:"adopted"` // the container was there before: of it, entries that were read count
	Entries     uint64    `json:"entries"`
	Directories uint64    `json:"directories"`
	Staged      Count     `json:"staged"`    // changed, and still open or not settled
	Uploading   Count     `json:"uploading"` // settled: to be uploaded
	Uploaded    Count     `json:"uploaded"`  // in the container, but the next publication makes it reachable
	Unchanged   Count     `json:"unchanged"` // in the container
	Unpublished uint64    `json:"unpublished_directories"`
	Publishing  bool      `json:"publishing"`  // or removing what a publication has replaced
	Interrupted bool      `json:"interrupted"` // a publication was cut off, and the next one goes on
	Deleting    Leftovers `json:"deleting"`    // what the container holds and the mount no longer needs

	PublishedAt      *time.Time       `json:"published_at"` // null: never
	ObjectsPerSecond float64          `json:"objects_per_second"`
	BytesPerSecond   float64          `json:"bytes_per_second"`
	BandwidthLimit   int64            `json:"bandwidth_limit"` // bytes a second, 0: none
	Oldest           *progress.Flight `json:"oldest_in_flight"`
	Outage           *Outage          `json:"trouble"` // why nothing is uploaded; null: nothing is known
	Failures         []Failure        `json:"failures"`
	Incomplete       []Left           `json:"incomplete"`
	Open             *OpenFiles       `json:"open_for_writing"`
	Staging          *Staging         `json:"staging"`
}

// Count is a number of entries, and the bytes in them.
type Count struct {
	Entries uint64 `json:"entries"`
	Bytes   uint64 `json:"bytes"`
}

// Outage is why nothing is uploaded.
type Outage struct {
	Reason  string  `json:"reason"`
	Seconds float64 `json:"seconds"` // since it began
}

// Failure is an entry that could not be uploaded, and is tried again.
type Failure struct {
	report.Path
	Reason  string  `json:"reason"`
	Seconds float64 `json:"seconds"` // since it was tried last
}

// OpenFiles are the files that are open for writing.
type OpenFiles struct {
	Files int           `json:"files"`
	First []report.Path `json:"first"`
}

// Staging is what staging files take, in bytes.
type Staging struct {
	Bytes int64 `json:"bytes"`
	Limit int64 `json:"limit"`
}

// ListedInStatus bounds the lists in a status.
const ListedInStatus = 100

// WaitsFor tells in one line what a mount has to do, and what keeps it from that.
func (v *Status) WaitsFor() string {
	text := fmt.Sprintf("%s to settle, %s to upload, %s/s", v.Staged, v.Uploading, report.Size(int64(v.BytesPerSecond)))
	if v.Publishing {
		text += fmt.Sprintf("; publishing, %s directories to go", humanize.Comma(int64(v.Unpublished)))
	}
	if left := v.Deleting.String(); left != "" {
		text += "; deleting " + left
	}
	if t := v.Outage; t != nil {
		text += fmt.Sprintf("; for %s: %s", report.Seconds(t.Seconds), t.Reason)
	}
	return text
}

func (c Count) String() string {
	return fmt.Sprintf("%s (%s)", humanize.Comma(int64(c.Entries)), report.Size(int64(c.Bytes)))
}

// Leftovers are what a container holds and its mount no longer needs. Each count ends
// at 100,000.
type Leftovers struct {
	Removed  uint64 `json:"removed_entries"`
	Replaced uint64 `json:"replaced_blobs"`
}

// String is empty if there are none.
func (l Leftovers) String() string {
	var parts []string
	if n := l.Removed; n > 0 {
		parts = append(parts, fmt.Sprintf("the blobs of %s removed %s", humanize.Comma(int64(n)), english.PluralWord(int(n), "entry", "entries")))
	}
	if n := l.Replaced; n > 0 {
		parts = append(parts, fmt.Sprintf("%s replaced %s", humanize.Comma(int64(n)), english.PluralWord(int(n), "blob", "blobs")))
	}
	return strings.Join(parts, " and ")
}
