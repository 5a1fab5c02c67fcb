package main

import (
	"context"
	"fmt"
	"io"

	"github.com/dustin/go-humanize"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/load"
	"clfsload/sync/report"
)

// runMergePlan prints the changes that the load of a command line would make. It changes nothing.
func runMergePlan(ctx context.Context, out io.Writer, o load.Options, asJSON bool) error {
	tell := func(c load.Change) { fmt.Fprintln(out, plannedLine(c)) }
	if asJSON {
		tell = func(load.Change) {} // the totals have the count
	}
	t, err := load.PlanInto(ctx, o, tell)
	if err != nil {
		return err
	}
	if asJSON {
		return report.WriteJSON(out, t)
	}
	fmt.Fprintf(out, "dry run: into %s: %s\n", t.Into, t.Entries)
	fmt.Fprintf(out, "%s to upload, %s failures; nothing was written\n", report.Size(t.Bytes), humanize.Comma(t.Failures))
	return nil
}

// plannedLine is a change as a line.
func plannedLine(c load.Change) string {
	change, path, e := "*deleting  ", c.Path, c.Entry
	if !c.Removed {
		change = itemized(e, c.Merged, c.Compare)
	}
	if e.Attr.Type == clfs.TypeDirectory {
		path += "/"
	}
	if path == "/" {
		path = "./"
	}
	line := change + " " + report.Quote(path)
	if e.Attr.Type == clfs.TypeSymlink {
		line += " -> " + report.Quote(string(e.Target))
	}
	return line
}

// itemized describes a change as rsync --itemize-changes does (rsync(1)).
func itemized(e *state.Entry, m state.Merged, how state.Comparison) string {
	types := map[clfs.Type]byte{clfs.TypeRegular: 'f', clfs.TypeDirectory: 'd', clfs.TypeSymlink: 'L', clfs.TypeBlock: 'D', clfs.TypeChar: 'D'}
	kind, known := types[e.Attr.Type]
	if !known {
		kind = 'S'
	}
	update := byte('c')
	if e.Attr.Type == clfs.TypeRegular {
		update = '>'
	}
	if m.Outcome == state.Added || m.Difference&state.OtherType != 0 {
		return string([]byte{update, kind}) + "+++++++++"
	}
	if m.Outcome == state.Changed {
		update = '.'
	}
	if e.Attr.Type == clfs.TypeRegular && how != state.CompareContents {
		m.Difference &^= state.OtherContents // derived from size or times
	}
	line := []byte{update, kind}
	for _, l := range []struct {
		letter byte
		what   state.Difference
	}{{'c', state.OtherContents}, {'s', state.OtherSize}, {'t', state.OtherMtime}, {'p', state.OtherMode}, {'o', state.OtherUID}, {'g', state.OtherGID}} {
		if m.Difference&l.what == 0 {
			l.letter = '.'
		}
		line = append(line, l.letter)
	}
	return string(line) + "..."
}
