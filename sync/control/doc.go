// Package control lets commands talk to a running load or mount, through a unix socket in its
// STATE.
package control
