package publish

import (
	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
)

// progress is what the mount tells of a file in its extended attribute.
func progress(i *mounted.Intake, name string) string {
	i.T.Helper()
	text := make([]byte, 100)
	n, err := unix.Getxattr(i.Path(name), "user.clfsload.state", text)
	harness.Must(i.T, err)
	return string(text[:n])
}
