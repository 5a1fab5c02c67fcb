// Command clfsload moves data into and out of containers in Avere's cloud
// file system format (CLFS), the format of Azure HPC Cache and Avere vFXT.
//
// This package is the only place that renders text for people, reads the
// environment and chooses exit codes. A command is one file, cmd_NAME.go,
// with its flags, its run function and its help together.
package main

import (
	"fmt"
	"os"

	"clfsload/sync/outcome"
)

func main() {
	if err := takeCommandLine(); err != nil {
		fmt.Fprintf(os.Stderr, "clfsload: %s\n", safeMessage(err.Error()))
		os.Exit(outcome.Failure)
	}
	if isMountHelper(os.Args[0]) {
		args, nothing, err := helperArgs(commandLine)
		if err != nil {
			fmt.Fprintf(os.Stderr, "mount.clfsload: %s\n", safeMessage(err.Error()))
			os.Exit(outcome.Usage)
		}
		if nothing {
			return
		}
		commandLine = args // a daemon is begun with them
	}
	os.Exit(run(commandLine, os.Stdin, os.Stdout, os.Stderr))
}
