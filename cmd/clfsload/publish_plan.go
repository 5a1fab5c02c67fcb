package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"clfsload/fusefs/daemon/wire"
	"clfsload/sync/control"
	"clfsload/sync/outcome"
	"clfsload/sync/report"
)

// planLine has the members of any line of a plan.
type planLine struct {
	wire.PlannedPut
	wire.PlanSummary
}

// errPlanCut: a plan ended without its summary.
var errPlanCut = fmt.Errorf("publish: the list of puts is incomplete: the mount ended, or the list was not read for %s", wire.PlanPatience)

// runPlan prints the puts of a publication.
func runPlan(cmd *cobra.Command, stateDir string, asJSON bool) error {
	ctx := cmd.Context()
	answer, err := control.Request(ctx, stateDir, http.MethodGet, "/publish", nil)
	if err != nil {
		return outcome.OfContext(ctx, finishError("publish", stateDir, err))
	}
	defer answer.Close()
	out := bufio.NewWriter(cmd.OutOrStdout())
	r, err := printPlan(answer, out, asJSON)
	if err = errors.Join(err, out.Flush()); err != nil {
		return outcome.OfContext(ctx, err)
	}
	if r.Error != "" {
		return outcome.New(r.Code, errors.New(r.Error), "")
	}
	return nil
}

// printPlan prints the puts as they arrive, and the summary, which it returns.
func printPlan(plan io.Reader, out io.Writer, asJSON bool) (*wire.Report, error) {
	in, lines := json.NewDecoder(plan), json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for {
		var l planLine
		if err := in.Decode(&l); err != nil {
			return nil, errPlanCut
		}
		var err error
		switch {
		case asJSON && l.Summary != nil:
			return l.Summary, lines.Encode(l.PlanSummary)
		case l.Summary != nil:
			printPlanned(out, l.Summary)
			return l.Summary, nil
		case asJSON:
			err = lines.Encode(l.PlannedPut)
		default:
			err = printPut(out, &l.PlannedPut)
		}
		if err != nil {
			return nil, err
		}
	}
}

// printPut has the path last: it may be longer than a line of the terminal.
func printPut(out io.Writer, p *wire.PlannedPut) error {
	_, err := fmt.Fprintf(out, "%-15s  %-27s  %s\n", p.Put, p.Reason, report.Quote(p.Bytes()))
	return err
}

// printPlanned reports how much a publication would put, and which entries it would leave out.
func printPlanned(out io.Writer, r *wire.Report) {
	if r.Error != "" {
		return
	}
	if r.LeftTotal > 0 {
		fmt.Fprintf(out, "not uploaded, so left out or kept as published ('clfsload flush' uploads them):\n")
	}
	printUnfinished(out, r)
	said := "nothing to publish"
	if puts := r.Objects + r.Dirs; puts > 0 {
		said = fmt.Sprintf("%s: %s of directories, %s of other inodes", report.Count(puts, "put", "puts"), humanize.Comma(r.Dirs), humanize.Comma(r.Objects))
	}
	if r.LeftTotal > 0 {
		said += fmt.Sprintf("; %s not uploaded", report.Count(int64(r.LeftTotal), "entry", "entries"))
	}
	fmt.Fprintf(out, "%s; dry run: nothing was changed in %s\n", said, r.Target)
}
