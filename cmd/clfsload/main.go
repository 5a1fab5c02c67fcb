package main

import (
	"fmt"
	"os"

	"clfsload/cmd/clfsload/background"
	"clfsload/cmd/clfsload/terminal"
	"clfsload/sync/outcome"
)

func main() {
	args, err := background.TakeCommandLine()
	if err != nil {
		fmt.Fprintf(os.Stderr, "clfsload: %s\n", terminal.SafeMessage(err.Error()))
		os.Exit(outcome.Failure)
	}
	if isMountHelper(os.Args[0]) {
		mountArgs, nothing, err := helperArgs(args)
		if err != nil {
			fmt.Fprintf(os.Stderr, "mount.clfsload: %s\n", terminal.SafeMessage(err.Error()))
			os.Exit(outcome.Usage)
		}
		if nothing {
			return
		}
		background.SetCommandLine(mountArgs)
		args = mountArgs
	}
	os.Exit(run(args, os.Stdin, os.Stdout, os.Stderr))
}
