package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clfsload/cmd/clfsload/background"
	"clfsload/cmd/clfsload/flags"
	"clfsload/cmd/clfsload/terminal"
	"clfsload/sync/outcome"
)

// version is set by the linker; see the Makefile.
var version = "unknown"

// run executes the command line and returns the process's exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := withSignals(context.Background())
	defer stop()
	out, told := terminal.Results(stdout), terminal.Messages(stderr)
	log.SetOutput(told) // logs of libraries
	if os.Getenv("AZURE_SDK_GO_LOGGING") != "" {
		azlog.SetListener(func(e azlog.Event, text string) { fmt.Fprintf(log.Writer(), "%s: %s\n", e, text) })
	}
	root := newRootCommand()
	root.SetArgs(flags.Normalize(args))
	root.SetIn(stdin)
	root.SetOut(out)
	root.SetErr(told)
	cmd, err := root.ExecuteContextC(ctx)
	if unwritten := out.Flush(); err == nil && !errors.Is(unwritten, syscall.EPIPE) { // a reader that is gone needs no more
		err = unwritten
	}
	if err == nil {
		terminal.Flush(cmd.ErrOrStderr())
		return outcome.OK
	}
	err = readerError(cmd, err)
	var stopped outcome.Stopped
	if cause := context.Cause(ctx); errors.As(cause, &stopped) && !errors.As(err, new(*outcome.Error)) {
		err = cause
	}
	code, text := outcome.Describe(err)
	if !errors.Is(err, background.ErrTold) {
		fmt.Fprintf(cmd.ErrOrStderr(), "clfsload: %s\n", text)
	}
	terminal.Flush(cmd.ErrOrStderr())
	return code
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "clfsload",
		Short: "Load data into CLFS containers and read them back",
		Long: `clfsload moves data into and out of Blob containers in CLFS, the format of Azure
HPC Cache and Avere vFXT, without a cache.

A TARGET is a container: dir:PATH for a local directory, or the URL of an Azure
container, https://ACCOUNT.blob.core.windows.net/CONTAINER. Credentials come
from the URL (a SAS), from a file (--credentials-file), from the environment
(AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_KEY
with AZURE_STORAGE_ACCOUNT), or else from Microsoft Entra ID.`,
		Version:       version,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("clfsload {{.Version}}\n")
	root.SetGlobalNormalizationFunc(acceptUnderscores)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(cmd, err)
	})
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newLoadCommand(), newStatusCommand(), newLimitCommand(), newFlushCommand(), newPublishCommand(), newUnmountCommand(), newIncompleteCommand())
	root.AddCommand(newLsCommand(), newCatCommand(), newStatCommand(), newDuCommand(), newInspectCommand(), newExportCommand(), newVerifyCommand(), newMountCommand(), newWarmCommand())
	return root
}

// acceptUnderscores accepts --dry_run for --dry-run, the spelling of CLFSLoad.
func acceptUnderscores(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
}

// withSignals cancels the context with [outcome.Stopped] as its cause when the process receives a
// signal to stop.
func withSignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		if s, ok := <-signals; ok {
			// A second signal ends the process at once.
			signal.Reset(syscall.SIGINT, syscall.SIGTERM)
			cancel(outcome.Stopped{Signal: s})
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel(nil)
	}
}

// knownCommand refuses an unknown command name: cobra passes it to the root as an argument.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := fmt.Sprintf("see '%s --help'", cmd.CommandPath())
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %s? %s", strings.Join(near, " or "), hint)
	}
	return outcome.New(outcome.Usage, fmt.Errorf("there is no command %q", args[0]), hint)
}

// argsBetween checks the number of arguments and reports the expected usage.
func argsBetween(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usageError(cmd, fmt.Errorf("%d arguments given", len(args)))
		}
		return nil
	}
}

func usageError(cmd *cobra.Command, err error) error {
	return outcome.New(outcome.Usage, fmt.Errorf("%s: %w", cmd.Name(), err), fmt.Sprintf("usage: %s; see '%s --help'", cmd.UseLine(), cmd.CommandPath()))
}
