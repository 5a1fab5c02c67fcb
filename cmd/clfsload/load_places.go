package main

import (
	"github.com/spf13/cobra"

	"clfsload/sync/load"
	"clfsload/sync/target"
)

// placesOf returns the places of the arguments STATE SOURCE TARGET, if they do not overlap.
func placesOf(cmd *cobra.Command, args []string) (spec target.Spec, stateDir, source string, err error) {
	if spec, err = target.ParseSpec(args[2:]); err != nil {
		return spec, "", "", usageError(cmd, err)
	}
	if stateDir, source, err = load.ResolvePaths(args[0], args[1]); err != nil {
		return spec, "", "", err
	}
	return spec, stateDir, source, load.CheckOverlap(spec, stateDir, source)
}
