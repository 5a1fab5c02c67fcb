package daemon

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/dustin/go-humanize"

	"clfsload/state"
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

	Adopted     bool       `json:"adopted"` // the container was there before: of it, entries that were read count
	Entries     uint64     `json:"entries"`
	Directories uint64     `json:"directories"`
	Staged      countValue `json:"staged"`    // changed, and still open or not settled
	Uploading   countValue `json:"uploading"` // settled: to be uploaded
	Uploaded    countValue `json:"uploaded"`  // in the container, but the next publication makes it reachable
	Unchanged   countValue `json:"unchanged"` // in the container
	Unpublished uint64     `json:"unpublished_directories"`
	Publishing  bool       `json:"publishing"`  // or removing what a publication has replaced
	Interrupted bool       `json:"interrupted"` // a publication was cut off, and the next one goes on
	Deleting    leftovers  `json:"deleting"`    // what the container holds and the mount no longer needs

	PublishedAt      *time.Time       `json:"published_at"` // null: never
	ObjectsPerSecond float64          `json:"objects_per_second"`
	BytesPerSecond   float64          `json:"bytes_per_second"`
	BandwidthLimit   int64            `json:"bandwidth_limit"` // bytes a second, 0: none
	Oldest           *progress.Flight `json:"oldest_in_flight"`
	Trouble          *troubleValue    `json:"trouble"` // why nothing is uploaded; null: nothing is known
	Failures         []failureValue   `json:"failures"`
	Incomplete       []LeftValue      `json:"incomplete"`
	Open             *openValue       `json:"open_for_writing"`
	Staging          *stagingValue    `json:"staging"`
}

// countValue is a number of entries, and the bytes in them.
type countValue struct {
	Entries uint64 `json:"entries"`
	Bytes   uint64 `json:"bytes"`
}

type troubleValue struct {
	Reason  string  `json:"reason"`
	Seconds float64 `json:"seconds"` // since it began
}

// failureValue is an entry that could not be uploaded, and is tried again.
type failureValue struct {
	report.Path
	Reason  string  `json:"reason"`
	Seconds float64 `json:"seconds"` // since it was tried last
}

type openValue struct {
	Files int           `json:"files"`
	First []report.Path `json:"first"`
}

type stagingValue struct {
	Bytes int64 `json:"bytes"`
	Limit int64 `json:"limit"`
}

// ListedInStatus bounds the lists in a status.
const ListedInStatus = 100

// StatusOf is what the journal tells.
func StatusOf(ctx context.Context, i incompletes, version string) (Status, error) {
	j := i.journal
	t := j.Counts()
	v := Status{Kind: progress.KindMount, Version: version, State: j.Dir(), MountPoint: MountPointOf(j.Dir()), Target: j.Settings.Target,
		Adopted: j.Settings.Adopted, Entries: t.Nodes(), Directories: t.Directories, Staged: countValue{t.Dirty, t.DirtyBytes}, Uploading: countValue{t.Queued, t.QueuedBytes},
		Uploaded: countValue{t.Sealed, t.SealedBytes}, Unchanged: countValue{t.Uploaded, t.UploadedBytes}, Unpublished: t.Held, Interrupted: j.Publishing(),
		Failures: []failureValue{}}
	if t.PublishedAt != 0 {
		at := time.Unix(0, t.PublishedAt)
		v.PublishedAt = &at
	}
	left, err := j.Leftovers(ctx)
	if err != nil {
		return v, err
	}
	v.Deleting = leftovers(left)
	failures, err := j.UploadFailures(ctx, ListedInStatus)
	if err != nil {
		return v, err
	}
	for _, f := range failures {
		v.Failures = append(v.Failures, failureValue{report.NewPath(f.Path), f.Reason, time.Since(time.Unix(0, f.At)).Seconds()})
	}
	v.Incomplete, err = i.first(ctx, ListedInStatus)
	return v, err
}

// status describes a mount that runs.
func (m *Mount) status(ctx context.Context) (Status, error) {
	v, err := StatusOf(ctx, m.incompletes(), m.options.Version)
	if err != nil {
		return v, err
	}
	m.meter.Add(m.look())
	v.Running, v.PID, v.MountPoint, v.BandwidthLimit = true, os.Getpid(), m.point, m.limiter.BytesPerSecond()
	v.ObjectsPerSecond, v.BytesPerSecond = m.meter.Rates()
	v.Publishing = m.publishing.Load() > 0
	v.Interrupted = v.Interrupted && !v.Publishing
	if f, ok := m.engine.OldestInFlight(); ok {
		v.Oldest = &progress.Flight{Path: report.NewPath(f.Path), Seconds: time.Since(f.Since).Seconds()}
	}
	if t := m.uploads.why(); t != nil {
		v.Trouble = &troubleValue{t.Err.Error(), time.Since(t.Since).Seconds()}
	}
	u := m.fs.Usage()
	v.Staging = &stagingValue{u.Bytes, u.Limit}
	inos, total := m.fs.OpenForWriting(ListedInStatus)
	v.Open = &openValue{Files: total, First: []report.Path{}}
	for _, ino := range inos {
		if path, err := m.path(ctx, ino); err == nil {
			v.Open.First = append(v.Open.First, report.NewPath(path))
		}
	}
	return v, nil
}

func (m *Mount) path(ctx context.Context, ino state.Ino) (string, error) {
	n, err := m.journal.Node(ctx, ino)
	if err != nil {
		return "", err
	}
	return m.journal.Path(ctx, n.Inode)
}

// sampleRates looks every second, so that a rate is that of the last moments.
func (m *Mount) sampleRates(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for ctx.Err() == nil {
		m.meter.Add(m.look())
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// look is how much was uploaded by now, for the rates.
func (m *Mount) look() progress.Sample {
	s := m.engine.Stats()
	return progress.Sample{At: time.Now(), Done: s.Inodes.Load(), Moved: s.Moved.Load()}
}

// WaitsFor tells in one line what a mount has to do, and what keeps it from that.
func (v *Status) WaitsFor() string {
	text := fmt.Sprintf("%s to settle, %s to upload, %s/s", v.Staged, v.Uploading, report.Size(int64(v.BytesPerSecond)))
	if v.Publishing {
		text += fmt.Sprintf("; publishing, %s directories to go", humanize.Comma(int64(v.Unpublished)))
	}
	if left := v.Deleting.String(); left != "" {
		text += "; deleting " + left
	}
	if t := v.Trouble; t != nil {
		text += fmt.Sprintf("; for %s: %s", report.Seconds(t.Seconds), t.Reason)
	}
	return text
}

func (c countValue) String() string {
	return fmt.Sprintf("%s (%s)", humanize.Comma(int64(c.Entries)), report.Size(int64(c.Bytes)))
}
