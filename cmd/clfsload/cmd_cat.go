package main

import (
	"bufio"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"clfsload/clfs"
	"clfsload/cmd/clfsload/flags"
	"clfsload/cmd/clfsload/terminal"
	"clfsload/sync/outcome"
	"clfsload/sync/report"
)

func newCatCommand() *cobra.Command {
	f := newReadFlags()
	offset, length := flags.Size(0), flags.Size(math.MaxInt64)
	cmd := &cobra.Command{
		Use:   "cat TARGET PATH",
		Short: "Print the contents of a file",
		Long: `Print the contents of the regular file PATH in the container TARGET. Several
segments are read ahead, so a large file is read at the speed of the network.
Holes (null ids in the block map) are printed as zeros.

If a part of the file cannot be read, the command ends with an error that names
the blob. Everything before that part is printed. Damage outside of the contents
is reported after the contents.`,
		Example: `  clfsload cat dir:/mnt/stage/projects src/main.c
  clfsload cat --offset 1GiB --length 64KiB https://myaccount.blob.core.windows.net/projects data.bin | xxd`,
		Args: argsBetween(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCat(cmd, args, f, uint64(offset), uint64(length))
		},
	}
	cmd.Flags().Var(&offset, "offset", "offset of the first byte to print")
	cmd.Flags().Var(&length, "length", "number of bytes to print")
	cmd.Flags().Lookup("length").DefValue = "to the end"
	f.register(cmd)
	return cmd
}

func runCat(cmd *cobra.Command, args []string, f readFlags, offset, length uint64) error {
	t, err := f.openTree(cmd, args[0], args[1], aPath)
	if err != nil {
		return err
	}
	defer t.Close()
	ctx := cmd.Context()
	n, err := t.Lookup(ctx, args[1])
	if err != nil {
		return outcome.OfContext(ctx, err)
	}
	if n.Type() != clfs.TypeRegular {
		return fmt.Errorf("cat %s: it is a %s", report.Quote(containerPath(args[1])), n.Type())
	}
	out := bufio.NewWriterSize(terminal.Bare(cmd.OutOrStdout()), 1<<16) // contents are written unchanged
	err = t.WriteTo(ctx, out, n, offset, offset+length)
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	if err == nil {
		err = n.Check()
	}
	if err != nil {
		return outcome.OfContext(ctx, fmt.Errorf("cat %s: %w", report.Quote(containerPath(args[1])), err))
	}
	return nil
}
