package background

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"clfsload/sync/blob/secrecy"
)

// Every user of the machine can read the arguments of every process. So arguments with a secret are
// overwritten in the process's memory, which the kernel shows, as soon as the program runs. A
// daemon gets its arguments through a file without a name.

// commandLine is os.Args[1:] with its secrets.
var commandLine []string

// daemonArgs is the file descriptor from which a daemon reads its command line.
const daemonArgs = 4

// TakeCommandLine returns the arguments. It hides their secrets from other users, and remembers
// these secrets and those of the environment.
func TakeCommandLine() ([]string, error) {
	for _, arg := range os.Args[1:] {
		commandLine = append(commandLine, strings.Clone(arg))
		overwrite(arg, secrecy.Mask(arg))
	}
	if IsDaemon() {
		if err := receiveCommandLine(); err != nil {
			return nil, err
		}
	}
	for _, arg := range commandLine {
		secrecy.Learn(arg)
	}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		secrecy.Variable(name, value)
	}
	return commandLine, nil
}

// SetCommandLine sets the arguments of a daemon that is started later.
func SetCommandLine(args []string) { commandLine = args }

// overwrite replaces the bytes of an argument of the process with as many others. Go does not copy
// the kernel's argument memory, so the kernel shows the new bytes.
func overwrite(arg, bytes string) {
	if arg != bytes {
		copy(unsafe.Slice(unsafe.StringData(arg), len(arg)), bytes)
	}
}

// maskedCommandLine is the argument list that a daemon shows.
func maskedCommandLine() (args []string) {
	for _, arg := range commandLine {
		args = append(args, secrecy.Mask(arg))
	}
	return args
}

// sendCommandLine returns a file from which a daemon reads the command line.
func sendCommandLine() (*os.File, error) {
	fd, err := unix.MemfdCreate("clfsload-arguments", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("pass the command line to the daemon: %w", err)
	}
	f := os.NewFile(uintptr(fd), "arguments")
	if _, err = f.WriteString(strings.Join(commandLine, "\x00")); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("pass the command line to the daemon: %w", err)
	}
	return f, nil
}

// receiveCommandLine reads the file of sendCommandLine.
func receiveCommandLine() error {
	f := os.NewFile(daemonArgs, "arguments")
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("read the command line of the daemon: %w; unset %s", err, daemonVariable)
	}
	commandLine = strings.Split(string(text), "\x00")
	return nil
}
