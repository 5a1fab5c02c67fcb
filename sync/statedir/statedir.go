package statedir

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"clfsload/sync/outcome"
)

// Home is the directory for data that outlives a command, for this user. A process that mount(8) or
// systemd has started may have no HOME; the user database has it, too.
func Home() (string, error) {
	if base := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "clfsload"), nil
	}
	home := os.Getenv("HOME")
	if home == "" {
		u, err := user.Current()
		if err != nil {
			return "", fmt.Errorf("find the home directory: %w", err)
		}
		home = u.HomeDir
	}
	if !filepath.IsAbs(home) {
		return "", fmt.Errorf("the home directory %q is not an absolute path", home)
	}
	return filepath.Join(home, ".local", "state", "clfsload"), nil
}

// OfMount is the default STATE of a mount on an absolute path.
func OfMount(point string) (string, error) {
	home, err := Home()
	if err != nil {
		return "", outcome.New(outcome.State, err, "pass --state")
	}
	return filepath.Join(home, escapePoint(point)), nil
}

// maxEscaped bounds the name of a STATE. A file name has room for 255 bytes, and the journal is
// created under a longer name first.
const maxEscaped = 180

// escapePoint makes a path one name, another one for each path: slashes become dashes; dashes,
// percent signs and a leading dot are written in hex. If the path is too long, a hash replaces its
// end; "%+" begins no other name's end.
func escapePoint(point string) string {
	name := strings.NewReplacer("%", "%25", "-", "%2D", "/", "-").Replace(strings.Trim(point, "/"))
	if strings.HasPrefix(name, ".") {
		name = "%2E" + name[1:]
	}
	if name == "" {
		return "%2F" // the root, which is never a mount point
	}
	if len(name) > maxEscaped {
		sum := sha256.Sum256([]byte(point))
		name = name[:maxEscaped-40] + "%+" + hex.EncodeToString(sum[:16])
	}
	return name
}

// Name names a STATE to people on other machines.
func Name(dir string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + ":" + dir
}
