package tests

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/blobserver"
)

func TestAKilledMountIsClearedByTheNextOne(t *testing.T) {
	target, point := mountedGolden(t), mountPoint(t)
	first := mountAt(t, point, target)
	first.end(unix.SIGKILL).mustExit(-1)
	var st unix.Statfs_t
	if err := unix.Statfs(point, &st); !errors.Is(err, unix.ENOTCONN) {
		t.Fatalf("after the kill statfs says %v", err)
	}
	second := mountAt(t, point, target)
	if got, err := os.ReadFile(second.path("sizes/text-100")); err != nil || len(got) != 100 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	second.end(unix.SIGTERM).mustExit(exitOK).mustSay("clearing a mount whose process is gone")
	if isMounted(t, point) {
		t.Error("something is still mounted")
	}
}

func TestSignalsAndUmountEndAMount(t *testing.T) {
	target := mountedGolden(t)
	for _, signal := range []syscall.Signal{unix.SIGINT, unix.SIGTERM} {
		m := mountContainer(t, target)
		m.end(signal).mustExit(exitOK).mustSay("unmounted")
		if isMounted(t, m.point) {
			t.Errorf("after %s something is still mounted", signal)
		}
	}
	m := mountContainer(t, target)
	if err := unix.Unmount(m.point, 0); err != nil {
		t.Fatal(err)
	}
	m.await().mustExit(exitOK).mustSay("unmounted")
}

func TestAFileThatIsOpenCanBeReadAfterTheUnmount(t *testing.T) {
	m := mountContainer(t, mountedGolden(t))
	f, err := os.Open(m.path("sizes/text-8404993"))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.command.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.awaitLog("the mount point is in use")
	n, err := io.Copy(io.Discard, f)
	if err != nil || n != 8404993 {
		t.Errorf("%d bytes, %v", n, err)
	}
	f.Close()
	m.await().mustExit(exitOK)
	if isMounted(t, m.point) {
		t.Error("something is still mounted")
	}
}

func TestDamageIsEIOAndNamedInTheLog(t *testing.T) {
	for _, b := range brokenContainers {
		t.Run(b.name, func(t *testing.T) {
			target := loaded(t, twoSizes(t))
			blob, id := b.blobOf(t, target)
			b.change(t, filepath.Join(strings.TrimPrefix(target, "dir:"), blob))
			m := mountContainer(t, target)
			if _, err := os.Lstat(m.path(brokenFile)); b.readable != (err == nil) || err != nil && !errors.Is(err, unix.EIO) {
				t.Errorf("lstat: %v", err)
			}
			if _, err := os.ReadFile(m.path(brokenFile)); !errors.Is(err, unix.EIO) {
				t.Errorf("read: %v", err)
			}
			if got, err := os.ReadFile(m.path("sizes/text-100")); err != nil || len(got) != 100 {
				t.Errorf("another file: %d bytes, %v", len(got), err)
			}
			m.end(unix.SIGTERM).mustExit(exitOK).mustSay(id, brokenFile, "level=ERROR")
		})
	}
}

func TestALostPartOfADirectoryHidesNoOther(t *testing.T) {
	target := goldenContainer(t, "lz4")
	out := clfsload(t, "stat", "--blobs", "--json", target, "/dir-two-other-segments").mustExit(exitOK).stdout
	lost := segmentsIn(t, out)[0]
	whole := readDirents(t, mountContainer(t, target).path("dir-two-other-segments"), 0)
	remove(t, filepath.Join(strings.TrimPrefix(target, "dir:"), lost.Blob))

	m := mountContainer(t, target)
	directory := m.path("dir-two-other-segments")
	if _, err := os.ReadDir(directory); !errors.Is(err, unix.EIO) {
		t.Errorf("listing: %v", err)
	}
	readable, unreadable := 0, 0
	for _, d := range whole {
		switch _, err := os.Lstat(filepath.Join(directory, d.name)); {
		case err == nil:
			readable++
		case errors.Is(err, unix.EIO):
			unreadable++
		default:
			t.Fatal(err)
		}
	}
	if readable < 400 || unreadable < 1000 {
		t.Errorf("%d names can be looked up, %d cannot", readable, unreadable)
	}
	m.end(unix.SIGTERM).mustSay(lost.ID)
}

func TestRejectedCredentialsAreEACCES(t *testing.T) {
	server := blobserver.Start(t)
	url := server.NewContainer("golden") + "?sig=good"
	clfsload(t, "load", "--new", filepath.Join(t.TempDir(), "state"), twoSizes(t), url).mustExit(exitOK)
	m := mountContainer(t, url)
	server.AcceptOnly("another")
	if _, err := os.ReadFile(m.path("sizes/text-8404993")); !errors.Is(err, unix.EACCES) {
		t.Errorf("read: %v", err)
	}
	server.AcceptOnly("")
	if got, err := os.ReadFile(m.path("sizes/text-8404993")); err != nil || len(got) != 8404993 {
		t.Errorf("with good credentials: %d bytes, %v", len(got), err)
	}
	log := m.end(unix.SIGTERM).mustExit(exitOK).mustSay("path=/sizes", "credentials")
	if strings.Contains(log.stderr, "sig=good") {
		t.Errorf("the log has the SAS:\n%s", log.stderr)
	}
}

// stuckServer is a blob service that leaves the Gets of one blob without an answer.
type stuckServer struct {
	*blobserver.Server
	blob    atomic.Value // string
	reached chan struct{}
	once    sync.Once
}

// ServeHTTP implements http.Handler.
func (s *stuckServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	blob, _ := s.blob.Load().(string)
	if blob == "" || r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/"+blob) {
		s.Server.ServeHTTP(w, r)
		return
	}
	s.once.Do(func() { close(s.reached) })
	<-r.Context().Done()
}

// A read that waits for the service can be interrupted, and holds nobody up.
func TestAReaderOfAServiceThatHangsCanBeKilled(t *testing.T) {
	server := &stuckServer{Server: blobserver.New(), reached: make(chan struct{})}
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	server.Endpoint = h.URL + "/account"
	url := server.NewContainer("golden") + "?sig=x"
	clfsload(t, "load", "--new", filepath.Join(t.TempDir(), "state"), twoSizes(t), url).mustExit(exitOK)
	segment := segmentsIn(t, clfsload(t, "stat", "--blobs", "--json", url, brokenFile).mustExit(exitOK).stdout)[0]
	m := mountContainer(t, url)
	server.blob.Store(segment.Blob)
	cat := exec.Command("cat", m.path(brokenFile))
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	<-server.reached
	if got, err := os.ReadFile(m.path("sizes/rand-16385")); err != nil || len(got) != 16385 {
		t.Errorf("another file: %d bytes, %v", len(got), err)
	}
	if err := cat.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cat.Wait(); err == nil {
		t.Error("cat read a segment that nobody sent")
	}
	m.end(unix.SIGTERM).mustExit(exitOK)
}

func TestWhatCannotBeMountedIsSaid(t *testing.T) {
	target, point := mountedGolden(t), mountPoint(t)
	busy := mountContainer(t, target).point
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "x")
	for _, c := range []struct {
		arguments []string
		code      int
		says      string
	}{
		{[]string{"mount", "--state", filepath.Join(t.TempDir(), "state"), "--target", "dir:" + filepath.Dir(file), point}, exitNotEmpty, "CLFS tree"},
		{[]string{"mount", "--read-only", "--settle", "1s", "--target", target, point}, exitUsage, "--settle"},
		{[]string{"mount", "--read-only", point}, exitUsage, "CLFSLOAD_TARGET"},
		{[]string{"mount", "--read-only", "--target", target}, exitUsage, "usage"},
		{[]string{"mount", "--read-only", "--log-file", "x", "--target", target, point}, exitUsage, "--daemon"},
		{[]string{"mount", "--read-only", "--target", target, point + "/nothing"}, exitMountPoint, "no such file"},
		{[]string{"mount", "--read-only", "--target", target, file}, exitMountPoint, "not a directory"},
		{[]string{"mount", "--read-only", "--target", target, busy}, exitMountPoint, "fuse.clfsload is mounted there"},
		{[]string{"mount", "--read-only", "--target", "dir:" + point, point}, exitUsage, "is inside MOUNTPOINT"},
		{[]string{"mount", "--read-only", "--target", "dir:" + t.TempDir(), point}, exitDamaged, "no bucket object"},
		{[]string{"mount", "--read-only", "--target", "dir:/does/not/exist", point}, exitNoContainer, "does not exist"},
	} {
		clfsload(t, c.arguments...).mustExit(c.code).mustBeOneLine().mustSay(c.says)
		if isMounted(t, point) {
			t.Fatalf("%v left a mount behind", c.arguments)
		}
	}
}

// asNobodyWithoutFusermount runs the binary as an account without rights that finds
// no fusermount3, whether or not the machine has one.
func asNobodyWithoutFusermount(c *exec.Cmd) {
	const hide = `if [ -e /bin/fusermount3 ]; then mount --bind /dev/null /bin/fusermount3; fi
PATH=/does/not/exist exec /usr/bin/setpriv --reuid 65534 --regid 65534 --clear-groups "$@"`
	c.Args = append([]string{"unshare", "--mount", "sh", "-ec", hide, "sh"}, c.Args...)
	c.Path, c.Err = exec.LookPath("unshare")
	c.Dir = "/"
}

func TestOrdinaryUsersAreToldThatTheyNeedFusermount(t *testing.T) {
	target, point := goldenContainer(t, "lz4"), mountPoint(t)
	openToAll(t, point)
	openToAll(t, strings.TrimPrefix(target, "dir:"))
	command(t, []string{"mount", "--read-only", "--target", target, point}, asNobodyWithoutFusermount).start().wait().
		mustExit(exitMountPoint).mustSay("fusermount3", "fuse3")
}

// readAsNobody reads a file as an account without rights.
func readAsNobody(path string) error {
	cat := exec.Command("cat", path)
	cat.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cat.Run()
}

func TestOtherUsersGetInOnlyIfAllowedAndByTheirRights(t *testing.T) {
	source := t.TempDir()
	writeFile(t, filepath.Join(source, "public"), "x")
	writeFile(t, filepath.Join(source, "private"), "x")
	if err := errors.Join(os.Chmod(source, 0o755), os.Chmod(filepath.Join(source, "private"), 0o600)); err != nil {
		t.Fatal(err)
	}
	target, point := loaded(t, source), mountPoint(t)
	openToAll(t, point)
	closed := mountAt(t, point, target)
	if readAsNobody(closed.path("public")) == nil {
		t.Error("another user got in")
	}
	closed.end(unix.SIGTERM).mustExit(exitOK)
	open := mountAt(t, point, target, "--allow-other")
	if err := readAsNobody(open.path("public")); err != nil {
		t.Errorf("with --allow-other: %v", err)
	}
	if readAsNobody(open.path("private")) == nil {
		t.Error("another user read a file of mode 0600")
	}
}

func TestADaemonServesWhenTheCommandReturns(t *testing.T) {
	target, point, home := mountedGolden(t), mountPoint(t), t.TempDir()
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
	log := filepath.Join(home, "log")
	if err := unix.Mkfifo(log, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo, err := os.OpenFile(log, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer fifo.Close()
	start := []string{"mount", "--read-only", "--daemon", "--log-file", log, point}
	command(t, start, withEnvironment("CLFSLOAD_TARGET="+target)).start().wait().mustExit(exitOK)
	if got, err := os.ReadFile(filepath.Join(point, "sizes/text-100")); err != nil || len(got) != 100 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := unix.Unmount(point, 0); err != nil {
		t.Fatal(err)
	}
	// The log ends when the process does.
	text, err := io.ReadAll(fifo)
	if err != nil || !strings.Contains(string(text), "unmounted") {
		t.Errorf("log %q, %v", text, err)
	}
}

func TestADaemonThatCannotServeSaysWhy(t *testing.T) {
	target, home := mountedGolden(t), t.TempDir()
	file := filepath.Join(home, "file")
	writeFile(t, file, "x")
	command(t, []string{"mount", "--read-only", "--daemon", "--target", target, file}, withEnvironment("XDG_STATE_HOME="+home)).start().wait().
		mustExit(exitMountPoint).mustBeOneLine().mustSay("not a directory")
	if left, err := os.ReadDir(home); err != nil || len(left) != 1 {
		t.Errorf("it left %v, %v", left, err)
	}
}
