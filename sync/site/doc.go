// Package site finds out whether the places that a command works with overlap.
package site
