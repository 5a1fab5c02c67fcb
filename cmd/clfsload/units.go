package main

import (
	"time"

	"github.com/dustin/go-humanize"
)

// shownFailures is how many entries of a list people are shown; the journal has them all.
const shownFailures = 20

// ibytes writes a number of bytes as people read it.
func ibytes(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// seconds is a duration as people read it.
func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Second)
}
