//go:build !large

package tests

import "time"

// runLimit ends a clfsload that hangs.
const runLimit = 20 * time.Minute

// followTime is how long followers of a mount that publishes every second are tested.
const followTime = 30 * time.Second
