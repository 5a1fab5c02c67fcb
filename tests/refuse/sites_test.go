package refuse

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/trees"
)

// bindMount shows a directory at another place too.
func bindMount(t *testing.T, from, to string) {
	t.Helper()
	harness.MustMkdir(t, to)
	harness.Must(t, unix.Mount(from, to, "", unix.MS_BIND, ""))
	t.Cleanup(func() { _ = unix.Unmount(to, unix.MNT_DETACH) })
}

// Every command that writes refuses places that lie inside one another, however that is
// hidden, and makes nothing. The commands run in a directory with: src, with src/sub; a
// finished load src to dir:c with STATE st; alias and subalias, where src and src/sub are
// seen too; data, which is seen at src/mnt too; link/s, a link to src/sub; point.
func TestPlacesInsideOneAnotherAreRefused(t *testing.T) {
	harness.RequireRoot(t)
	d := t.TempDir()
	for _, name := range []string{"src", "src/sub", "data", "link", "point"} {
		harness.MustMkdir(t, filepath.Join(d, name))
	}
	in := func(name string) string { return filepath.Join(d, name) }
	harness.Clfsload(t, "load", "--new", in("st"), in("src"), "dir:"+in("c")).MustExit(harness.ExitOK)
	bindMount(t, in("src"), in("alias"))
	bindMount(t, in("src/sub"), in("subalias"))
	bindMount(t, in("data"), in("src/mnt"))
	harness.Must(t, os.Symlink(in("src/sub"), in("link/s")))
	harness.Must(t, os.Symlink(in("c/new"), in("link/dangling")))
	before := fmt.Sprint(trees.List(t, d))
	for line, code := range map[string]int{
		"load --new alias/new src dir:new":                        harness.ExitState,
		"load --new subalias/new src dir:new":                     harness.ExitState,
		"load --new data/new src dir:new":                         harness.ExitState,
		"load --new link/s/new src dir:new":                       harness.ExitState,
		"load --new link/s/../new src dir:new":                    harness.ExitState,
		"load --new src/../src/new src dir:new":                   harness.ExitState,
		"load --new st/new src dir:new":                           harness.ExitState,
		"load --new c/new src dir:new":                            harness.ExitState,
		"load --new new subalias dir:src/sub/new":                 harness.ExitUsage,
		"load --new new src dir:data/new":                         harness.ExitUsage,
		"load --new new src dir:new/new":                          harness.ExitUsage,
		"load --new new/new src dir:new":                          harness.ExitUsage,
		"load --new new src dir:st/new":                           harness.ExitUsage,
		"load --dry-run new src dir:alias/new":                    harness.ExitUsage,
		"mount --state src/sub/new subalias":                      harness.ExitState,
		"mount --state st/new point":                              harness.ExitState,
		"mount --state point/new --target dir:new2 point":         harness.ExitState,
		"mount --state new --target dir:point/new point":          harness.ExitUsage,
		"mount --state new --target dir:new/other point":          harness.ExitUsage,
		"mount --state new/new --target dir:new point":            harness.ExitUsage,
		"mount --state new --target dir:src/sub/new subalias":     harness.ExitUsage,
		"mount --daemon --state new --log-file point/log point":   harness.ExitUsage,
		"mount --daemon --state new --log-file new/log point":     harness.ExitUsage,
		"mount --state new --credentials-file point/sas point":    harness.ExitUsage,
		"mount --read-only --target dir:c --temp-dir point point": harness.ExitUsage,
		"mount --read-only --target dir:point/c point":            harness.ExitUsage,
		"export dir:c c":                                          harness.ExitUsage,
		"export dir:c c/new":                                      harness.ExitUsage,
		"export dir:c .":                                          harness.ExitUsage,
		"export dir:c st/new":                                     harness.ExitUsage,
		"export dir:c link/s/../../c/new":                         harness.ExitUsage,
		"export dir:c link/dangling":                              harness.ExitUsage,
		"export --report c/report dir:c new":                      harness.ExitUsage,
		"export --report link/dangling dir:c new":                 harness.ExitUsage,
		"export --report st/journal.sqlite dir:c new":             harness.ExitUsage,
	} {
		t.Run(line, func(t *testing.T) {
			r := harness.Command(t, strings.Split(line, " "), harness.InDirectory(d)).Start().Wait()
			r.MustExit(code).MustBeOneLine().MustSay("is inside")
		})
	}
	if after := fmt.Sprint(trees.List(t, d)); after != before {
		t.Errorf("something was made or changed:\n%s\nwas\n%s", after, before)
	}
}
