package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"clfsload/state"
	"clfsload/sync/adopt"
	"clfsload/sync/blob"
	"clfsload/sync/blob/azure"
	"clfsload/sync/blob/secrecy"
	"clfsload/sync/engine"
	"clfsload/sync/tree"
	"clfsload/sync/tree/verify"
)

// Exit codes. docs/exit-codes.md is the same table for users; a test in tests/
// compares the two.
const (
	exitOK          = 0   // all that was asked for is done
	exitFailure     = 1   // an error that has no code of its own
	exitUsage       = 2   // the command line is wrong; nothing was touched
	exitIncomplete  = 3   // ended with entries that could not be transferred or published, or with blobs that could not be deleted
	exitSource      = 4   // the source is missing, not a directory or not readable
	exitState       = 5   // STATE does not fit the command or the container: exists, missing, misplaced, of other settings, or older than what the container holds
	exitNoContainer = 6   // the target container does not exist
	exitNotEmpty    = 7   // the target container holds something else
	exitCredentials = 8   // the service refused the credentials, or there are none
	exitPermission  = 9   // the credentials may not do what is needed
	exitNoSpace     = 10  // a local disk is full, or a file reached the limit of file sizes
	exitBusy        = 11  // another process works on the state or the container, or a cache may
	exitJournal     = 12  // the journal is damaged or of another version
	exitUnreachable = 13  // the service did not answer for as long as it was retried
	exitDamaged     = 14  // the container breaks the format
	exitNotFound    = 15  // the container has nothing of that path or name
	exitMountPoint  = 16  // the mount point cannot be mounted on
	exitInterrupted = 130 // stopped by SIGINT
	exitTerminated  = 143 // stopped by SIGTERM
)

// exitError carries an exit code, and what the user can do, to the edge.
type exitError struct {
	code int
	err  error
	hint string // what to do; may be empty
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// withExit gives err an exit code and a hint; nil stays nil.
func withExit(code int, err error, hint string) error {
	if err == nil {
		return nil
	}
	return &exitError{code: code, err: err, hint: hint}
}

// interruptedError is the cause of a context that a signal ended.
type interruptedError struct{ Signal os.Signal }

func (e interruptedError) Error() string { return fmt.Sprintf("stopped by %s", signalName(e.Signal)) }

func signalName(s os.Signal) string {
	if s == syscall.SIGTERM {
		return "SIGTERM"
	}
	return "SIGINT"
}

// outcome is a row of the table that maps a sentinel error to its exit code.
type outcome struct {
	sentinel error
	code     int
	hint     string
}

var outcomes = []outcome{
	{state.ErrExists, exitState, "choose another STATE"},
	{state.ErrMissing, exitState, "to begin a transfer pass --new"},
	{state.ErrLocked, exitBusy, "wait for it to end, or stop it"},
	{state.ErrDamaged, exitJournal, "see docs/operations.md, section 'A damaged journal'"},
	{state.ErrVersion, exitJournal, "use the version of clfsload that made it"},
	{state.ErrNoSpace, exitNoSpace, "free some space on the disk of STATE, then run the same command again"},
	{engine.ErrNotEmpty, exitNotEmpty, "a new transfer needs an empty container, a new mount an empty one or one with a CLFS tree"},
	{engine.ErrGone, exitDamaged, "somebody has removed blobs from it: 'clfsload verify' tells what is there"},
	{engine.ErrForeign, exitNotEmpty, "check TARGET and STATE: they must be those of one transfer or mount"},
	{adopt.ErrCacheState, exitBusy, "detach it from every cache, then pass --detached"},
	{adopt.ErrChanged, exitState, "make sure that this process alone writes to the container"},
	{state.ErrUnfaithful, exitDamaged, "it can be read, but not changed: load into another directory"},
	{engine.ErrOtherPublication, exitState, "use the newest STATE of this container; 'clfsload mount --read-only' and 'clfsload export' read what the container holds; see docs/operations.md, section 'A STATE that does not fit its container'"},
	{verify.ErrSource, exitSource, ""},
	{tree.ErrNotFound, exitNotFound, ""},
	{tree.ErrNotDirectory, exitNotFound, ""},
	{tree.ErrNoContainer, exitDamaged, "'clfsload export --keep-going --lost-found' brings out what there is"},
	{tree.ErrUnfinished, exitDamaged, "finish its transfer; 'clfsload export --keep-going --lost-found' brings out what there is"},
	{tree.ErrDamaged, exitDamaged, "'clfsload verify' tells all that is wrong, 'clfsload export --keep-going' brings out the rest"},
	{blob.ErrEndlessLease, exitBusy, "a cache may hold it: detach the container from every cache, then mount it with --detached"},
	{blob.ErrLeased, exitBusy, "another process writes to the container: wait for it to end, or stop it; the lease of one that was killed elsewhere ends within a minute"},
	{blob.ErrLeaseLost, exitBusy, "another process has claimed the container, or somebody broke the lease; make sure that one process writes to it, then run the same command again without --new"},
	{azure.ErrPlainHTTP, exitUsage, "begin TARGET with http://"},
	{blob.ErrContainerMissing, exitNoContainer, "check its name"},
	{blob.ErrCredentials, exitCredentials, "check the SAS or key, its expiry and this machine's clock, then run the same command again"},
	{blob.ErrPermission, exitPermission, "the account, key or SAS needs the permissions read, write, delete and list on the container"},
	{blob.ErrNoSpace, exitNoSpace, "free some space and run the same command again"},
	{blob.ErrThrottled, exitUnreachable, "run the same command again later"},
	{blob.ErrTransient, exitUnreachable, "check the network, then run the same command again"},
	{syscall.ENOSPC, exitNoSpace, "free some space and run the same command again"},
	{syscall.EDQUOT, exitNoSpace, "free some space and run the same command again"},
	{syscall.EFBIG, exitNoSpace, "raise the limit of file sizes, with 'ulimit -f unlimited' or LimitFSIZE= of systemd, then run the same command again"},
}

// describe turns an error into an exit code and the one line that is printed.
func describe(err error) (int, string) {
	code, hint := classify(err)
	text := oneLine(err)
	if hint == "" {
		return code, text
	}
	return code, text + "; " + hint
}

// oneLine is the text of an error, which may be joined of several, without secrets.
func oneLine(err error) string {
	return secrecy.Text(strings.ReplaceAll(err.Error(), "\n", "; "))
}

func classify(err error) (int, string) {
	var coded *exitError
	if errors.As(err, &coded) {
		return coded.code, coded.hint
	}
	var stopped interruptedError
	if errors.As(err, &stopped) {
		if stopped.Signal == syscall.SIGTERM {
			return exitTerminated, ""
		}
		return exitInterrupted, ""
	}
	for _, o := range outcomes {
		if errors.Is(err, o.sentinel) {
			return o.code, o.hint
		}
	}
	return exitFailure, ""
}
