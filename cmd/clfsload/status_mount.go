package main

import (
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"

	"clfsload/cmd/clfsload/flags"
	"clfsload/fusefs/daemon/wire"
	"clfsload/sync/report"
)

func printMountStatus(w io.Writer, v *wire.Status) {
	line := func(title, format string, args ...any) {
		fmt.Fprintf(w, "%-12s %s\n", title, fmt.Sprintf(format, args...))
	}
	running, rate := "not running", ""
	if v.Running {
		running = fmt.Sprintf("running as process %d", v.PID)
		rate = fmt.Sprintf(", %s/s, %s/s", humanize.Comma(int64(v.ObjectsPerSecond)), report.Size(int64(v.BytesPerSecond)))
	}
	published := "never"
	if v.PublishedAt != nil {
		published = v.PublishedAt.Format(time.DateTime)
	}
	line("mount", "%s, %s", report.Quote(v.MountPoint), running)
	line("state", "%s", v.State)
	line("target", "%s", v.Target)
	read := ""
	if v.Adopted {
		read = ", of those that were read"
	}
	line("entries", "%s, and %s directories%s", humanize.Comma(int64(v.Entries-v.Directories)), humanize.Comma(int64(v.Directories)), read)
	line("staged", "%s, open or not settled", v.Staged)
	line("uploading", "%s%s", v.Uploading, rate)
	line("uploaded", "%s, to be published", v.Uploaded)
	line("unchanged", "%s", v.Unchanged)
	switch {
	case v.Publishing:
		published += ", and retrying"
	case v.Interrupted:
		published += ", and the publication after that was cut off"
	}
	line("published", "%s; %s directories changed since", published, humanize.Comma(int64(v.Unpublished)))
	if text := v.Deleting.String(); text != "" {
		line("deleting", "%s", text)
	}
	printLive(v, line)
	printList(w, line, "failures", len(v.Failures), func(i int) (report.Path, string) { return v.Failures[i].Path, v.Failures[i].Reason })
	printList(w, line, "incomplete", len(v.Incomplete), func(i int) (report.Path, string) { return v.Incomplete[i].Path, v.Incomplete[i].Why })
}

// printLive prints the status of a running mount.
func printLive(v *wire.Status, line func(title, format string, args ...any)) {
	if !v.Running {
		return
	}
	limit := flags.Rate(v.BandwidthLimit)
	line("limit", "%s", limit.String())
	if s := v.Staging; s != nil {
		line("staging", "%s of %s in use", report.Size(s.Bytes), report.Size(s.Limit))
	}
	if o := v.Open; o != nil {
		line("open", "%s files for writing", humanize.Comma(int64(o.Files)))
	}
	if o := v.Oldest; o != nil {
		line("oldest", "%s, for %s", report.Quote(o.Bytes()), report.Seconds(o.Seconds))
	}
	if t := v.Outage; t != nil {
		line("trouble", "for %s: %s", report.Seconds(t.Seconds), t.Reason)
	}
}

// printList prints the first paths of a list, each with its remark.
func printList(w io.Writer, line func(title, format string, args ...any), title string, n int, at func(int) (report.Path, string)) {
	line(title, "%s", atLeast(n))
	for i := range min(n, report.Shown) {
		path, text := at(i)
		fmt.Fprintf(w, "  %s: %s\n", report.Quote(path.Bytes()), text)
	}
}

// atLeast prints the length of a list that may be truncated.
func atLeast(n int) string {
	if n >= wire.ListedInStatus {
		return fmt.Sprintf("%d or more", n)
	}
	return fmt.Sprint(n)
}
