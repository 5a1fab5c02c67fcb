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
)

func main() {
	if isMountHelper(os.Args[0]) {
		args, nothing, err := helperArgs(os.Args[1:])
		if err != nil {
			fmt.Fprintf(os.Stderr, "mount.clfsload: %s\n", err)
			os.Exit(exitUsage)
		}
		if nothing {
			return
		}
		os.Args = append(os.Args[:1], args...) // a daemon is begun with them
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
