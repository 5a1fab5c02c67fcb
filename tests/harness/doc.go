// Package harness runs clfsload for the packages of black-box tests: processes, files, disks, accounts.
//
// A Run is one execution of the binary, a Result what it left. A Transfer is a load into a directory:
// STATE, source and container. A Disk is an ext4 file system on an image, whose power can be cut.
//
// Each package of tests calls Main in its TestMain. Binary is linked once for all packages. Packages
// run at the same time: a test must not change or hold what belongs to the whole machine. A test that
// needs a mount namespace of its own calls PrivateMounts, which takes the mounts of other packages
// out of it: a copy of a mount keeps it from ending.
//
// A test that keeps files of a mount open must not be parallel: a process that another test of the
// package starts inherits the descriptors, and its close is a flush, which lets unmount fail with EBUSY.
package harness
