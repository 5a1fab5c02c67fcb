//go:build !large

package tests

import "time"

// runLimit ends a clfsload that hangs.
const runLimit = 5 * time.Minute
