package daemon

import (
	"context"
	"os"
	"sync"
	"time"

	"clfsload/fusefs/daemon/wire"
	"clfsload/state"
	"clfsload/sync/progress"
	"clfsload/sync/report"
)

// StatusOf describes the last mount with a STATE of which none runs.
func StatusOf(ctx context.Context, j *state.Journal, version string) (wire.Status, error) {
	return statusOf(ctx, endedIncompletes(j), version)
}

// statusOf is what the journal tells.
func statusOf(ctx context.Context, i incompletes, version string) (wire.Status, error) {
	j := i.journal
	t := j.Counts()
	v := wire.Status{Kind: progress.KindMount, Version: version, State: j.Dir(), MountPoint: MountPointOf(j.Dir()), Target: j.Settings.Target,
		Adopted: j.Settings.Adopted, Entries: t.Nodes(), Directories: t.Directories, Staged: wire.Count{Entries: t.Dirty, Bytes: t.DirtyBytes}, Uploading: wire.Count{Entries: t.Queued, Bytes: t.QueuedBytes},
		Uploaded: wire.Count{Entries: t.Sealed, Bytes: t.SealedBytes}, Unchanged: wire.Count{Entries: t.Uploaded, Bytes: t.UploadedBytes}, Unpublished: t.Held, Interrupted: j.Publishing(),
		Failures: []wire.Failure{}}
	if t.PublishedAt != 0 {
		at := time.Unix(0, t.PublishedAt)
		v.PublishedAt = &at
	}
	left, err := j.Leftovers(ctx)
	if err != nil {
		return v, err
	}
	v.Deleting = wire.Leftovers(left)
	failures, err := j.UploadFailures(ctx, wire.ListedInStatus)
	if err != nil {
		return v, err
	}
	for _, f := range failures {
		v.Failures = append(v.Failures, wire.Failure{Path: report.NewPath(f.Path), Reason: f.Reason, Seconds: time.Since(time.Unix(0, f.At)).Seconds()})
	}
	v.Incomplete, err = i.first(ctx, wire.ListedInStatus)
	return v, err
}

// status describes a mount that runs.
func (m *mount) status(ctx context.Context) (wire.Status, error) {
	v, err := statusOf(ctx, m.incompletes(), m.options.Version)
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
	if t := m.uploads.Why(); t != nil {
		v.Outage = &wire.Outage{Reason: t.Err.Error(), Seconds: time.Since(t.Since).Seconds()}
	}
	u := m.fs.Usage()
	v.Staging = &wire.Staging{Bytes: u.Bytes, Limit: u.Limit}
	inos, total := m.fs.OpenForWriting(wire.ListedInStatus)
	v.Open = &wire.OpenFiles{Files: total, First: []report.Path{}}
	for _, ino := range inos {
		if path, err := m.path(ctx, ino); err == nil {
			v.Open.First = append(v.Open.First, report.NewPath(path))
		}
	}
	return v, nil
}

func (m *mount) path(ctx context.Context, ino state.Ino) (string, error) {
	n, err := m.journal.Node(ctx, ino)
	if err != nil {
		return "", err
	}
	return m.journal.Path(ctx, n.Inode)
}

// sampleRates looks every second, so that a rate is that of the last moments. It does so until what
// it returns is called.
func (m *mount) sampleRates(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var sampling sync.WaitGroup
	sampling.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for ctx.Err() == nil {
			m.meter.Add(m.look())
			select {
			case <-ticker.C:
			case <-ctx.Done():
			}
		}
	})
	return func() {
		cancel()
		sampling.Wait()
	}
}

// look is how much was uploaded by now, for the rates.
func (m *mount) look() progress.Sample {
	s := m.engine.Stats()
	return progress.Sample{At: time.Now(), Done: s.Inodes.Load(), Moved: s.Transferred.Load()}
}
