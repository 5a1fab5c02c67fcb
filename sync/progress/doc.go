// Package progress turns samples of a transfer into rates and an estimate of what is left.
package progress
