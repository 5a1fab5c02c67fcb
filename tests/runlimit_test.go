//go:build !large

package tests

import "time"

// runLimit ends a clfsload that hangs.
const runLimit = 20 * time.Minute

// sparseSegments is how many segments the largest file of the tests has.
const sparseSegments = 300

// killStride: a publication of a load is killed at each of so many requests.
const killStride = 8

// followTime is how long followers of a mount that publishes every second are tested.
const followTime = 30 * time.Second
