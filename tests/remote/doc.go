// Package remote holds containers behind a blob service for black-box tests: in memory and in Azurite.
//
// A Metered container remembers each Put and acts at a Moment. A Lethal one kills a process at a
// request, a Guarded one refuses old credentials, a Watched one remembers what was read and listed.
// Killed is a load into a Metered container that is killed when it has put a number of blobs.
package remote
