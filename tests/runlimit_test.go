//go:build !large

package tests

import "time"

// runLimit ends a clfsload that hangs.
const runLimit = 20 * time.Minute
