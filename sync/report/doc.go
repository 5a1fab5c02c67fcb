// Package report writes the reports of commands: paths, which are bytes, as lines and in JSON.
package report
