// Package tests holds the promises that clfsload makes to its users, checked
// from outside: the built binary is run on real trees, against containers in a
// directory and in Azurite, with real signals, kills and full disks, and what it
// leaves is read back with the independent reader of tests/inventory.
//
// The tests are in packages by what they test:
//
//   - load, resume, into: loads;
//   - mount, write, publish, readonly: mounts;
//   - adopt, rounds: containers that are there already;
//   - read: commands that read a container;
//   - service: Azure, and what can go wrong between it and a command;
//   - refuse: what is refused, and leaves nothing;
//   - project: layers and documents.
//
// What they share is in harness, trees, remote and mounted, and in blobserver, azurite,
// exerciser and inventory. The packages run at the same time, two on a machine of
// two processors, and each of them mostly one test after the other.
//
// The tests run as root: the golden tree has devices and foreign owners. A tool
// that is missing is a failure; `make test-deps` installs them all.
package tests
