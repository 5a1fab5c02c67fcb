//go:build large

package tests

import "time"

// runLimit ends a clfsload that hangs. A million files take their time.
const runLimit = 30 * time.Minute

// sparseSegments is how many segments the largest file of the tests has. 10 TB would take hours; a
// test of the package engine has a file of that size in the journal.
const sparseSegments = 100_000

// killStride: a publication of a load is killed at each of so many requests.
const killStride = 1

// followTime is how long followers of a mount that publishes every second are tested.
const followTime = 20 * time.Minute
