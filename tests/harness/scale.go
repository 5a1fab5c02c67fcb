package harness

import (
	"time"
)

// runLimit ends a clfsload that hangs. A million files take their time.
var runLimit = Scaled(20*time.Minute, 30*time.Minute)

// Scaled returns the size of a test for every day, or with the tag large the other one.
func Scaled[T any](everyDay, most T) T {
	if large {
		return most
	}
	return everyDay
}
