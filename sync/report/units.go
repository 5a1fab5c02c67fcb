package report

import (
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
)

// Shown is how many entries of a list are printed; the journal has them all.
const Shown = 20

// Size writes a number of bytes as people read it.
func Size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// Seconds is a duration as people read it.
func Seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Second)
}

// Count is a number of things, such as "1,204 entries".
func Count(n int64, one, many string) string {
	return humanize.Comma(n) + " " + english.PluralWord(int(n), one, many)
}
