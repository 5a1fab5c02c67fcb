package main

import "clfsload/sync/pathtext"

// Kinds of what a STATE belongs to.
const (
	kindLoad  = "load"
	kindMount = "mount"
)

// flightValue is the entry that is in flight for the longest time.
type flightValue struct {
	pathtext.Value
	Seconds float64 `json:"seconds"`
}
