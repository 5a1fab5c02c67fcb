//go:build !large

package tests

import "time"

// runLimit ends a clfsload that hangs.
const runLimit = 20 * time.Minute

// followTime is how long followers of a mount that publishes every second are tested, with each kind of
// container.
const followTime = 15 * time.Second
