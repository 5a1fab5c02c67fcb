// Command clfsload moves data into and out of containers in Avere's cloud
// file system format (CLFS), the format of Azure HPC Cache and Avere vFXT.
//
// This package is the only place that renders text for people, reads the environment and chooses
// exit codes. A command is one file, cmd_NAME.go, with its flags, its run function and its help
// together. Further parts of a command are in files NAME_PART.go. Commands that read a container
// share reading.go and listing.go; commands that ask a mount share mount_find.go and mount_ask.go.
package main
