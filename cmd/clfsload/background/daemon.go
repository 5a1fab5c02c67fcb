package background

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"clfsload/cmd/clfsload/terminal"
	"clfsload/sync/outcome"
	"clfsload/sync/statedir"
)

// A daemon is the same command line, run again in its own session. It inherits the command line in
// a file, and a pipe, to which it writes when it serves. Until then it uses the terminal, so that
// its errors are visible; then it switches to a log.
const (
	daemonVariable = "CLFSLOAD_DAEMON" // set in the environment of the daemon
	daemonPipe     = 3                 // file descriptor of the daemon
)

func IsDaemon() bool { return os.Getenv(daemonVariable) != "" }

// Start runs the command line again in the background. It returns when the daemon reports that it
// serves, or has ended.
func Start(cmd *cobra.Command) error {
	ready, pipe, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	arguments, err := sendCommandLine()
	if err != nil {
		return err
	}
	defer arguments.Close()
	daemon := exec.Command(self, maskedCommandLine()...)
	daemon.Env = append(os.Environ(), daemonVariable+"=1")
	daemon.Stdout, daemon.Stderr = os.Stdout, os.Stderr
	daemon.ExtraFiles = []*os.File{pipe, arguments}
	daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = daemon.Start()
	_ = pipe.Close()
	if err != nil {
		return err
	}
	return awaitDaemon(cmd, daemon, ready)
}

// awaitDaemon waits for the report of the daemon, and forwards signals to it.
func awaitDaemon(cmd *cobra.Command, daemon *exec.Cmd, ready io.Reader) error {
	said := make(chan bool, 1)
	go func() {
		n, _ := ready.Read(make([]byte, 1))
		said <- n > 0
	}()
	for interrupted := cmd.Context().Done(); ; {
		select {
		case <-interrupted:
			interrupted = nil
			_ = daemon.Process.Signal(syscall.SIGTERM) // it has ended if this fails
		case serves := <-said:
			if serves {
				return daemon.Process.Release()
			}
			return daemonFailed(daemon.Wait())
		}
	}
}

// daemonFailed returns the exit code of the daemon, which has reported the reason.
func daemonFailed(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return outcome.New(exit.ExitCode(), ErrTold, "")
	}
	return fmt.Errorf("the mount did not start: %w", errors.Join(err, errors.New("its process ended")))
}

// ErrTold: another process has reported the failure on standard error.
var ErrTold = errors.New("the mount did not start")

// Detach reports to the process that started this one that it serves. A daemon then leaves the
// terminal, and prints to log.
func Detach(log *os.File, ui *terminal.Console) error {
	if err := Notify("READY=1"); err != nil {
		ui.Log.Warn("the service manager was not notified that the mount serves", "error", err)
	}
	if !IsDaemon() {
		return nil
	}
	ui.Flush() // output for the terminal
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	for _, d := range []struct{ from, to int }{{int(null.Fd()), 0}, {int(log.Fd()), 1}, {int(log.Fd()), 2}} {
		if err := unix.Dup3(d.from, d.to, 0); err != nil {
			return fmt.Errorf("redirect output to the log file: %w", err)
		}
	}
	if _, err := unix.Write(daemonPipe, []byte{1}); err != nil {
		ui.Log.Warn("the command that started the mount is gone; the mount serves", "error", err)
	}
	return unix.Close(daemonPipe)
}

// OpenLog opens the log of a daemon; nil in the foreground.
func OpenLog(path string) (*os.File, error) {
	if !IsDaemon() {
		return nil, nil
	}
	f, err := appendTo(path)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return f, nil
}

func appendTo(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// CheckLog checks, before there is a daemon, that the named log can be written; "" means no log was
// named.
func CheckLog(path string) error {
	if path == "" {
		return nil
	}
	if err := MayAppend(path); err != nil {
		return outcome.New(outcome.Usage, fmt.Errorf("--log-file: %w", err), "name a file in an existing directory with write permission")
	}
	return nil
}

// MayAppend reports, without creating the file, whether it can be written.
func MayAppend(path string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err == nil {
		return f.Close()
	}
	if errors.Is(err, unix.ENXIO) {
		return nil // a fifo without a reader
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := unix.Access(filepath.Dir(path), unix.W_OK|unix.X_OK); err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	return nil
}

// ReadOnlyLog is the default log of a read-only mount in the background.
func ReadOnlyLog(point string) (string, error) {
	home, err := statedir.Home()
	if err != nil {
		return "", fmt.Errorf("%w; pass --log-file", err)
	}
	return filepath.Join(home, "mount-"+strings.ReplaceAll(strings.Trim(point, "/"), "/", "-")+".log"), nil
}

// LeaveTerminal lets the command that started a daemon return. The daemon then logs to the named
// file, or to the default one.
func LeaveTerminal(ui *terminal.Console, named, usual string) error {
	log, err := OpenLog(cmp.Or(named, usual))
	if err != nil {
		return err
	}
	if err := Detach(log, ui); err != nil {
		return err
	}
	if IsDaemon() && named == "" {
		ui.Quiet()
	}
	return nil
}
