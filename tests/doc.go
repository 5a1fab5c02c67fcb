// Package tests holds the promises that clfsload makes to its users, checked
// from outside: the built binary is run on real trees, against containers in a
// directory and in Azurite, with real signals, kills and full disks, and what it
// leaves is read back with the independent reader of tests/inventory.
//
// The tests run as root: the golden tree has devices and foreign owners. A tool
// that is missing is a failure; `make test` installs them all.
package tests
