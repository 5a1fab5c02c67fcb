package tests

import (
	"golang.org/x/sys/unix"
)

// progress is what the mount tells of a file in its extended attribute.
func progress(i *intake, name string) string {
	i.t.Helper()
	text := make([]byte, 100)
	n, err := unix.Getxattr(i.path(name), "user.clfsload.state", text)
	must(i.t, err)
	return string(text[:n])
}
