package clfs

import (
	"regexp"
	"slices"
)

// clfsLoadLog matches the names that CLFSLoad gives to its logs: output.txt for the
// main process, output.process-transfer-0.txt for a worker of a phase.
var clfsLoadLog = regexp.MustCompile(`^output(\.process-[a-z]+-[0-9]+)?\.txt$`)

// FinishedByCLFSLoad reports whether CLFSLoad finished the transfer into this
// container: the bucket object names the log of its main process, and no log of
// another program.
func (b Bucket) FinishedByCLFSLoad() bool {
	other := func(name string) bool { return !clfsLoadLog.MatchString(name) }
	return slices.Contains(b.Logs, "output.txt") && !slices.ContainsFunc(b.Logs, other)
}
