// Package report writes what commands tell: paths, which are bytes, as lines and in JSON.
package report
