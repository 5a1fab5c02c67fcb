//go:build large

package tests

import "time"

// runLimit ends a clfsload that hangs. A million files take their time.
const runLimit = 30 * time.Minute

// followTime is how long followers of a mount that publishes every second are tested.
const followTime = 20 * time.Minute
