//go:build large

package tests

import "time"

// runLimit ends a clfsload that hangs. A million files take their time.
const runLimit = 30 * time.Minute

// followTime is how long followers of a mount that publishes every second are tested, with each kind of
// container.
const followTime = 5 * time.Minute
