// Package progress turns samples of a transfer into rates and an estimate of the remaining time.
package progress
