// Package control lets commands talk to a load or mount that runs, through a unix socket in its
// STATE.
package control
