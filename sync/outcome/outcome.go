package outcome

import (
	"context"
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
	"clfsload/sync/engine/bucket"
	"clfsload/sync/tree"
	"clfsload/sync/tree/verify"
)

// Exit codes. docs/exit-codes.md is the same table for users; a test in tests/
// compares the two.
const (
	OK          = 0   // all that was asked for is done
	Failure     = 1   // an error that has no code of its own
	Usage       = 2   // the command line is wrong; nothing was touched
	Incomplete  = 3   // ended with entries that could not be transferred or published, or with blobs that could not be deleted
	Source      = 4   // the source is missing, not a directory or not readable
	State       = 5   // STATE does not fit the command or the container: exists, missing, misplaced, of other settings, or older than what the container holds
	NoContainer = 6   // the target container does not exist
	NotEmpty    = 7   // the target container holds something else
	Credentials = 8   // the service refused the credentials, or there are none
	Permission  = 9   // the credentials may not do what is needed
	NoSpace     = 10  // a local disk is full, or a file reached the limit of file sizes
	Busy        = 11  // another process works on the state or the container, or a cache may
	Journal     = 12  // the journal is damaged or of another version
	Unreachable = 13  // the service did not answer for as long as it was retried
	Damaged     = 14  // the container breaks the format
	NotFound    = 15  // the container has nothing of that path or name
	MountPoint  = 16  // the mount point cannot be mounted on
	Interrupted = 130 // stopped by SIGINT
	Terminated  = 143 // stopped by SIGTERM
)

// Error carries an exit code, and a hint for the user, to the edge.
type Error struct {
	code int
	err  error
	hint string // what to do; may be empty
}

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// New gives err an exit code and a hint; nil stays nil.
func New(code int, err error, hint string) error {
	if err == nil {
		return nil
	}
	return &Error{code: code, err: err, hint: hint}
}

// Stopped is the cause of a context that a signal ended.
type Stopped struct{ Signal os.Signal }

func (e Stopped) Error() string { return fmt.Sprintf("stopped by %s", signalName(e.Signal)) }

func signalName(s os.Signal) string {
	if s == syscall.SIGTERM {
		return "SIGTERM"
	}
	return "SIGINT"
}

// row is a row of the table that maps a sentinel error to its exit code.
type row struct {
	sentinel error
	code     int
	hint     string
}

var table = []row{
	{state.ErrExists, State, "choose another STATE"},
	{state.ErrMissing, State, "to begin a transfer, pass --new"},
	{state.ErrLocked, Busy, "wait for it to end, or stop it"},
	{state.ErrDamaged, Journal, "see docs/operations.md, section 'A damaged journal'"},
	{state.ErrVersion, Journal, "use the version of clfsload that created it"},
	{state.ErrNoSpace, NoSpace, "free some space on the disk of STATE, then run the same command again"},
	{bucket.ErrNotEmpty, NotEmpty, "a new transfer needs an empty container, a new mount an empty one or one with a CLFS tree"},
	{bucket.ErrGone, Damaged, "blobs were removed from it: 'clfsload verify' lists what is there"},
	{bucket.ErrForeign, NotEmpty, "check TARGET and STATE: they must be those of one transfer or mount"},
	{adopt.ErrCacheState, Busy, "detach it from every cache, then pass --detached"},
	{adopt.ErrChanged, State, "make sure that only this process writes to the container"},
	{state.ErrUnfaithful, Damaged, "it can be read, but not changed: load into another directory"},
	{bucket.ErrOtherPublication, State, "use the newest STATE of this container; 'clfsload mount --read-only' and 'clfsload export' read what the container holds; see docs/operations.md, section 'A STATE that does not fit its container'"},
	{verify.ErrSource, Source, ""},
	{tree.ErrNotFound, NotFound, ""},
	{tree.ErrNotDirectory, NotFound, ""},
	{tree.ErrNoContainer, Damaged, "'clfsload export --keep-going --lost-found' exports the rest"},
	{tree.ErrUnfinished, Damaged, "finish its transfer; 'clfsload export --keep-going --lost-found' exports the rest"},
	{tree.ErrDamaged, Damaged, "'clfsload verify' lists all damage, 'clfsload export --keep-going' exports the rest"},
	{blob.ErrEndlessLease, Busy, "a cache may hold it: detach the container from every cache, then mount it with --detached"},
	{blob.ErrLeased, Busy, "another process writes to the container: wait for it to end, or stop it; if it was killed on another machine, its lease ends within a minute"},
	{blob.ErrLeaseLost, Busy, "another process took the lease of the container, or the lease was broken; make sure that only one process writes to it, then run the same command again without --new"},
	{azure.ErrPlainHTTP, Usage, "begin TARGET with http://"},
	{blob.ErrContainerMissing, NoContainer, "check its name"},
	{blob.ErrCredentials, Credentials, "check the SAS or key, its expiry and this machine's clock, then run the same command again"},
	{blob.ErrPermission, Permission, "the account, key or SAS needs the permissions read, write, delete and list on the container"},
	{blob.ErrNoSpace, NoSpace, "free some space and run the same command again"},
	{blob.ErrThrottled, Unreachable, "run the same command again later"},
	{blob.ErrTransient, Unreachable, "check the network, then run the same command again"},
	{syscall.ENOSPC, NoSpace, "free some space and run the same command again"},
	{syscall.EDQUOT, NoSpace, "free some space and run the same command again"},
	{syscall.EFBIG, NoSpace, "raise the limit of file sizes, with 'ulimit -f unlimited' or LimitFSIZE= of systemd, then run the same command again"},
}

// Describe turns an error into an exit code and the one line that is printed.
func Describe(err error) (int, string) {
	code, hint := Classify(err)
	text := OneLine(err)
	if hint == "" {
		return code, text
	}
	return code, text + "; " + hint
}

// OneLine is the text of an error, which may join several, without secrets.
func OneLine(err error) string {
	return secrecy.Text(strings.ReplaceAll(err.Error(), "\n", "; "))
}

func Classify(err error) (int, string) {
	var coded *Error
	if errors.As(err, &coded) {
		return coded.code, coded.hint
	}
	var stopped Stopped
	if errors.As(err, &stopped) {
		if stopped.Signal == syscall.SIGTERM {
			return Terminated, ""
		}
		return Interrupted, ""
	}
	for _, o := range table {
		if errors.Is(err, o.sentinel) {
			return o.code, o.hint
		}
	}
	return Failure, ""
}

// OfContext is err, unless a signal ended ctx: then it is the error of that signal.
func OfContext(ctx context.Context, err error) error {
	var stopped Stopped
	if err != nil && errors.As(context.Cause(ctx), &stopped) {
		return stopped
	}
	return err
}
