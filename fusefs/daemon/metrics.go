package daemon

import "clfsload/sync/metrics"

// collectMetrics are the numbers of a mount.
func (m *mount) collectMetrics() []metrics.Metric {
	t, u := m.journal.Counts(), m.fs.Usage()
	_, open := m.fs.OpenForWriting(0)
	last := 0.0
	if t.PublishedAt != 0 {
		last = float64(t.PublishedAt) / 1e9
	}
	return append(metrics.OfEngine(m.engine.Stats(), m.limiter.BytesPerSecond(), m.uploads.Why()),
		metrics.Gauge("clfsload_mount_entries", "Files, directories and other entries.", float64(t.Nodes())),
		metrics.Gauge("clfsload_mount_directories", "Directories.", float64(t.Directories)),
		metrics.Gauge("clfsload_mount_staged_entries", "Entries that are changed, and open or not settled.", float64(t.Dirty)),
		metrics.Gauge("clfsload_mount_staged_bytes", "Bytes in them.", float64(t.DirtyBytes)),
		metrics.Gauge("clfsload_mount_uploading_entries", "Entries that wait to be uploaded.", float64(t.Queued)),
		metrics.Gauge("clfsload_mount_uploading_bytes", "Bytes in them.", float64(t.QueuedBytes)),
		metrics.Gauge("clfsload_mount_uploaded_entries", "Entries that are uploaded and wait to be published.", float64(t.Sealed)),
		metrics.Gauge("clfsload_mount_uploaded_bytes", "Bytes in them.", float64(t.SealedBytes)),
		metrics.Gauge("clfsload_mount_unchanged_entries", "Entries other than directories that are in the container as they are.", float64(t.Uploaded)),
		metrics.Gauge("clfsload_mount_unchanged_bytes", "Bytes in them.", float64(t.UploadedBytes)),
		metrics.Gauge("clfsload_mount_unpublished_directories", "Directories that the next publication writes.", float64(t.Held)),
		metrics.Gauge("clfsload_mount_published_timestamp_seconds", "When the last publication ended, 0 for never.", last),
		metrics.Gauge("clfsload_mount_open_files", "Files that are open for writing.", float64(open)),
		metrics.Gauge("clfsload_mount_staging_bytes", "Bytes that staged contents take on the disk of STATE.", float64(u.Bytes)),
		metrics.Gauge("clfsload_mount_staging_limit_bytes", "Bytes that they may take.", float64(u.Limit)),
	)
}
