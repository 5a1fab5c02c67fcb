package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// bindMount shows a directory at another place too.
func bindMount(t *testing.T, from, to string) {
	t.Helper()
	mustMkdir(t, to)
	must(t, unix.Mount(from, to, "", unix.MS_BIND, ""))
	t.Cleanup(func() { _ = unix.Unmount(to, unix.MNT_DETACH) })
}

// Every command that writes refuses places that lie inside one another, however that is
// hidden, and makes nothing. The commands run in a directory with: src, with src/sub; a
// finished load src to dir:c with STATE st; alias and subalias, where src and src/sub are
// seen too; data, which is seen at src/mnt too; link/s, a link to src/sub; point.
func TestPlacesInsideOneAnotherAreRefused(t *testing.T) {
	requireRoot(t)
	d := t.TempDir()
	for _, name := range []string{"src", "src/sub", "data", "link", "point"} {
		mustMkdir(t, filepath.Join(d, name))
	}
	in := func(name string) string { return filepath.Join(d, name) }
	clfsload(t, "load", "--new", in("st"), in("src"), "dir:"+in("c")).mustExit(exitOK)
	bindMount(t, in("src"), in("alias"))
	bindMount(t, in("src/sub"), in("subalias"))
	bindMount(t, in("data"), in("src/mnt"))
	must(t, os.Symlink(in("src/sub"), in("link/s")))
	must(t, os.Symlink(in("c/new"), in("link/dangling")))
	before := fmt.Sprint(listTree(t, d))
	for line, code := range map[string]int{
		"load --new alias/new src dir:new":                        exitState,
		"load --new subalias/new src dir:new":                     exitState,
		"load --new data/new src dir:new":                         exitState,
		"load --new link/s/new src dir:new":                       exitState,
		"load --new link/s/../new src dir:new":                    exitState,
		"load --new src/../src/new src dir:new":                   exitState,
		"load --new st/new src dir:new":                           exitState,
		"load --new c/new src dir:new":                            exitState,
		"load --new new subalias dir:src/sub/new":                 exitUsage,
		"load --new new src dir:data/new":                         exitUsage,
		"load --new new src dir:new/new":                          exitUsage,
		"load --new new/new src dir:new":                          exitUsage,
		"load --new new src dir:st/new":                           exitUsage,
		"load --dry-run new src dir:alias/new":                    exitUsage,
		"mount --state src/sub/new subalias":                      exitState,
		"mount --state st/new point":                              exitState,
		"mount --state point/new --target dir:new2 point":         exitState,
		"mount --state new --target dir:point/new point":          exitUsage,
		"mount --state new --target dir:new/other point":          exitUsage,
		"mount --state new/new --target dir:new point":            exitUsage,
		"mount --state new --target dir:src/sub/new subalias":     exitUsage,
		"mount --daemon --state new --log-file point/log point":   exitUsage,
		"mount --daemon --state new --log-file new/log point":     exitUsage,
		"mount --state new --credentials-file point/sas point":    exitUsage,
		"mount --read-only --target dir:c --temp-dir point point": exitUsage,
		"mount --read-only --target dir:point/c point":            exitUsage,
		"export dir:c c":                                          exitUsage,
		"export dir:c c/new":                                      exitUsage,
		"export dir:c .":                                          exitUsage,
		"export dir:c st/new":                                     exitUsage,
		"export dir:c link/s/../../c/new":                         exitUsage,
		"export dir:c link/dangling":                              exitUsage,
		"export --report c/report dir:c new":                      exitUsage,
		"export --report link/dangling dir:c new":                 exitUsage,
		"export --report st/journal.sqlite dir:c new":             exitUsage,
	} {
		t.Run(line, func(t *testing.T) {
			r := command(t, strings.Split(line, " "), inDirectory(d)).start().wait()
			r.mustExit(code).mustBeOneLine().mustSay("is inside")
		})
	}
	if after := fmt.Sprint(listTree(t, d)); after != before {
		t.Errorf("something was made or changed:\n%s\nwas\n%s", after, before)
	}
}
