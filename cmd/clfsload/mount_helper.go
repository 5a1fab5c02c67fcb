package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// mount(8) runs a program named after the type of a file system, for
// "mount -t clfsload" and lines of /etc/fstab:
//
//	mount.clfsload TARGET MOUNTPOINT [-sfnv] [-N namespace] [-o options] [-t type]
//
// Under such a name clfsload takes these arguments and becomes
// "clfsload mount --daemon". TARGET none is that of the journal, or the default.

// isMountHelper reports whether the program was called by a name that mount(8) uses.
func isMountHelper(program string) bool {
	switch filepath.Base(program) {
	case "mount.clfsload", "mount.fuse.clfsload":
		return true
	}
	return false
}

// mountSwitches are the flags of mount without a value that may stand in -o.
var mountSwitches = []string{"allow-other", "allow-non-empty", "create-container", "include-incomplete", "leave-incomplete"}

// mountValues are those with a value.
var mountValues = []string{"state", "settle", "publish-interval", "stop-timeout", "staging-limit", "compression",
	"concurrency", "memory", "bandwidth-limit", "retry-for", "request-timeout", "credentials-file", "credentials-env-file",
	"endpoint", "metrics-addr", "log-file", "log-level", "log-format", "temp-dir", "follow", "cache", "cache-size"}

// passedOver are options of mount(8) that do not concern the file system, or that describe how a
// mount here always behaves: it is nosuid and nodev, reading changes no atime, and it syncs when
// asked.
var passedOver = []string{"rw", "defaults", "auto", "noauto", "user", "nouser", "users", "owner", "group", "nofail", "_netdev",
	"exec", "nosuid", "nodev", "noatime", "nodiratime", "relatime", "norelatime", "async", "silent", "loud"}

// helperArgs turns the arguments of a mount helper into those of clfsload. nothing: the caller
// wants only a check of the arguments, not a mount.
func helperArgs(args []string) (out []string, nothing bool, err error) {
	var names, options []string
	sloppy := false
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "-o" || arg == "-t" || arg == "-N":
			if len(args) == 0 {
				return nil, false, fmt.Errorf("%s: its value is missing", arg)
			}
			if arg == "-o" {
				options = append(options, args[0])
			}
			args = args[1:]
		case strings.HasPrefix(arg, "-") && strings.Trim(arg[1:], "sfnv") == "" && len(arg) > 1:
			sloppy = sloppy || strings.Contains(arg, "s")
			nothing = nothing || strings.Contains(arg, "f")
		case strings.HasPrefix(arg, "-"):
			return nil, false, fmt.Errorf("unknown flag %s", arg)
		default:
			names = append(names, arg)
		}
	}
	if len(names) != 2 {
		return nil, false, errors.New("usage: mount.clfsload TARGET MOUNTPOINT [-sfnv] [-o options]")
	}
	flags, err := optionFlags(strings.Join(options, ","), sloppy)
	if err != nil {
		return nil, false, err
	}
	out = append([]string{"mount", "--daemon"}, flags...)
	if names[0] != "none" {
		out = append(out, "--target="+names[0])
	}
	return append(out, "--", names[1]), nothing, nil
}

// optionFlags turns the value of -o into flags.
func optionFlags(options string, sloppy bool) (flags []string, err error) {
	for _, option := range splitOptions(options) {
		name, value, hasValue := strings.Cut(option, "=")
		flag := strings.ReplaceAll(name, "_", "-")
		switch {
		case option == "ro":
			flags = append(flags, "--read-only")
		case option == "nonempty": // the name in other FUSE file systems
			flags = append(flags, "--allow-non-empty")
		case slices.Contains(mountSwitches, flag) && !hasValue:
			flags = append(flags, "--"+flag)
		case slices.Contains(mountValues, flag) && hasValue:
			flags = append(flags, "--"+flag+"="+value)
		case name == "remount":
			return nil, errors.New("option \"remount\" is not supported: unmount, then mount again")
		case slices.Contains(passedOver, name), strings.HasPrefix(name, "x-"), strings.HasPrefix(name, "X-"), name == "comment":
		case sloppy:
		default:
			return nil, fmt.Errorf("unknown mount option %q", name)
		}
	}
	return flags, nil
}

// splitOptions splits at commas, except after a backslash and inside quotation marks.
func splitOptions(text string) (list []string) {
	var b strings.Builder
	quoted, escaped := false, false
	flush := func() {
		if b.Len() > 0 {
			list = append(list, b.String())
		}
		b.Reset()
	}
	for _, c := range []byte(text) {
		switch {
		case escaped:
			escaped = false
			b.WriteByte(c)
		case c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			flush()
		default:
			b.WriteByte(c)
		}
	}
	flush()
	return list
}
