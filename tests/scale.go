package tests

import (
	"time"
)

// runLimit ends a clfsload that hangs. A million files take their time.
var runLimit = scaled(20*time.Minute, 30*time.Minute)

// scaled returns the size of a test for every day, or with the tag large the other one.
func scaled[T any](everyDay, most T) T {
	if large {
		return most
	}
	return everyDay
}
