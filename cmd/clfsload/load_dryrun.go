package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"

	"clfsload/clfs"
	"clfsload/cmd/clfsload/terminal"
	"clfsload/sync/load"
	"clfsload/sync/report"
)

// runDryRun reports what a load would transfer, without touching STATE or TARGET.
func runDryRun(ctx context.Context, ui *terminal.Console, o load.Options, asJSON bool) error {
	r, err := load.Look(ctx, o, ui.ShowProgress)
	if err != nil {
		return err
	}
	if asJSON {
		return report.WriteJSON(ui.Out, r)
	}
	printDryRun(ui.Out, &r)
	return nil
}

// shownTypes is the order in which types are printed.
var shownTypes = []clfs.Type{clfs.TypeDirectory, clfs.TypeRegular, clfs.TypeSymlink, clfs.TypeFIFO, clfs.TypeSocket, clfs.TypeChar, clfs.TypeBlock}

func printDryRun(w io.Writer, r *load.Survey) {
	line := func(title, format string, args ...any) {
		fmt.Fprintf(w, "%-18s %s\n", title, fmt.Sprintf(format, args...))
	}
	var types []string
	for _, t := range shownTypes {
		if n := r.Types[t.String()]; n > 0 {
			types = append(types, fmt.Sprintf("%s %s", humanize.Comma(n), t))
		}
	}
	line("dry run", "nothing was written; listed in %s", report.Seconds(r.Seconds))
	line("source", "%s", r.Source)
	line("entries", "%s: %s", humanize.Comma(r.Entries), strings.Join(types, ", "))
	line("bytes", "%s (%s)", humanize.Comma(r.Bytes), report.Size(r.Bytes))
	line("largest directory", "%s entries: %s", humanize.Comma(r.LargestDirectory.Size), report.Quote("/"+r.LargestDirectory.Bytes()))
	line("largest file", "%s: %s", report.Size(r.LargestFile.Size), report.Quote("/"+r.LargestFile.Bytes()))
	line("hard links", "%s files with %s names", humanize.Comma(r.HardLinkGroups), humanize.Comma(r.HardLinkedNames))
	line("blobs to write", "%s: %s objects, %s segments, %s directory segments, %s indirect blocks, 1 bucket", humanize.Comma(r.Blobs),
		humanize.Comma(r.Objects), humanize.Comma(r.Segments), humanize.Comma(r.DirectorySegments), humanize.Comma(r.IndirectBlocks))
	line("journal", "about %s in STATE, and up to 32 MiB for its write-ahead log", report.Size(r.JournalBytes))
	line("unreadable", "%s", humanize.Comma(r.Unreadable))
	for i, p := range r.Failures {
		if i == report.Shown {
			fmt.Fprintf(w, "  and %s more; --json and the log list more\n", humanize.Comma(r.Unreadable-report.Shown))
			break
		}
		fmt.Fprintf(w, "  %s: %s: %s\n", report.Quote(p.Bytes()), p.Op, p.Reason)
	}
	line("for the load", "--dry-run-gb %.3f --dry-run-count %d", float64(r.Bytes)/1e9, r.Entries)
}
