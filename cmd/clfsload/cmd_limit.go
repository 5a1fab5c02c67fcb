package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"clfsload/cmd/clfsload/flags"
	"clfsload/sync/control"
	"clfsload/sync/outcome"
)

func newLimitCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "limit STATE|MOUNTPOINT RATE|off",
		Short: "Change the bandwidth limit of a running load or mount",
		Long: `Change how many bytes a second a running load or mount with this STATE may
upload. RATE is a number such as 200M or 80MiB, or off for no limit. The first
limit is that of the flag --bandwidth-limit. The new limit holds until the load
or mount ends.`,
		Example: "  clfsload limit /var/tmp/state 200M",
		Args:    argsBetween(2, 2),
		RunE:    func(cmd *cobra.Command, args []string) error { return runLimit(cmd, args[0], args[1]) },
	}
}

func runLimit(cmd *cobra.Command, arg, text string) error {
	var r flags.Rate
	if err := r.Set(text); err != nil {
		return usageError(cmd, err)
	}
	stateDir, err := stateOf(arg, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	body, err := json.Marshal(control.LimitValue{BytesPerSecond: int64(r)})
	if err != nil {
		return err
	}
	var answer control.LimitValue
	err = control.Ask(cmd.Context(), stateDir, http.MethodPut, "/limit", bytes.NewReader(body), &answer)
	if errors.Is(err, control.ErrNotRunning) {
		return outcome.New(outcome.State, err, "pass --bandwidth-limit when you start it")
	}
	if err != nil {
		return err
	}
	now := flags.Rate(answer.BytesPerSecond)
	fmt.Fprintf(cmd.OutOrStdout(), "bandwidth limit: %s\n", now.String())
	return nil
}
