package service

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/azurite"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// planted is the secret part of every credential in these tests. Nothing that the program
// writes may hold it.
const planted = "PLANTEDsecret"

// plantedForms are what a user may paste into the wrong place.
var plantedForms = []string{
	"https://account.blob.core.windows.net/projects?sv=2021-12-02&sp=rwdl&se=2099-01-01&sig=" + planted + "%3D",
	"account.blob.core.windows.net/projects?sv=2021-12-02&SIG=" + planted + "/+=",
	"sv%3D2021-12-02%26sig%3D" + planted + "%253D",
	"DefaultEndpointsProtocol=https;AccountName=account;AccountKey=" + planted + "==;EndpointSuffix=core.windows.net",
	"https://user:" + planted + "@account.blob.core.windows.net/projects",
	"--account-key=" + planted,
}

// mustNotTell looks for the planted secret in what a command has printed, and in the names
// and the contents of all files below a directory.
func mustNotTell(r harness.Result, directories ...string) harness.Result {
	r.T.Helper()
	if all := r.Stdout + r.Stderr; strings.Contains(all, planted) {
		r.T.Errorf("clfsload %s tells the secret:\n%s", strings.Join(r.Arguments, " "), all)
	}
	for _, directory := range directories {
		mustNotHoldPlanted(r.T, directory)
	}
	return r
}

func mustNotHoldPlanted(t *testing.T, directory string) {
	t.Helper()
	harness.Must(t, filepath.WalkDir(directory, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() && !strings.Contains(d.Name(), planted) {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(path+string(data), planted) {
			t.Errorf("%s holds the secret", path)
		}
		return err
	}))
}

// mustNotShow looks for the planted secret in the arguments of a process, as ps does.
func mustNotShow(t *testing.T, pid int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	harness.Must(t, err)
	if len(text) == 0 || strings.Contains(string(text), planted) {
		t.Errorf("process %d shows %q", pid, text)
	}
}

// A secret may stand in the place of any argument, and of the value of any flag.
func TestNoErrorTellsASecretInTheWrongPlace(t *testing.T) {
	for _, line := range []string{
		"SECRET", "load --new st src SECRET", "load --new st src https://account/c extra SECRET", "load --new st SECRET dir:c", "load --new SECRET src dir:c",
		"load --new st src account SECRET", "load --new st src dir:SECRET", "load st src SECRET extra extra extra", "load --new st src dir:c SECRET",
		"load --dry-run st src SECRET", "load --new --concurrency SECRET st src dir:c", "load --new --compression SECRET st src dir:c",
		"load --new --log-level SECRET st src dir:c", "load --new --exclude [SECRET st src dir:c", "load --new --credentials-file SECRET st src https://account.blob.core.windows.net/c",
		"load --new --endpoint SECRET st src account c", "load --new --metrics-addr SECRET st src dir:c", "load --SECRET",
		"ls SECRET", "ls dir:SECRET", "ls dir:src SECRET", "cat SECRET x", "stat SECRET x", "du SECRET", "inspect SECRET x", "verify SECRET", "verify --source SECRET dir:src",
		"export SECRET out", "export dir:src SECRET", "export --report SECRET dir:src out", "status SECRET", "flush SECRET", "publish SECRET", "unmount SECRET",
		"limit SECRET 1M", "limit src SECRET", "mount SECRET", "mount --target SECRET point", "mount --state SECRET point", "mount --read-only --target SECRET point",
		"mount --daemon --log-file SECRET point", "mount --daemon --target SECRET point", "mount --settle SECRET point", "help SECRET",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			checkPlanted(t, line, plantedForms[0])
			checkPlanted(t, line, plantedForms[1+len(line)%(len(plantedForms)-1)])
		})
	}
}

func checkPlanted(t *testing.T, line, form string) {
	t.Helper()
	directory := t.TempDir()
	harness.MustMkdir(t, filepath.Join(directory, "src"))
	arguments := strings.Split(line, " ")
	for i := range arguments {
		arguments[i] = strings.ReplaceAll(arguments[i], "SECRET", form)
	}
	r := harness.Command(t, arguments, harness.WithEnvironment("XDG_STATE_HOME="+filepath.Join(directory, "home")), harness.InDirectory(directory))
	mustNotTell(r.Start().Wait(), directory)
}

// talkative is a service that repeats the credentials of each request in its refusal.
func talkative(t *testing.T) (container string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		plain, _ := url.QueryUnescape(r.URL.RawQuery)
		said := plain + " " + r.URL.RawQuery + " " + r.Header.Get("Authorization")
		w.Header().Set("x-ms-error-code", said)
		w.Header().Set("x-ms-request-id", said)
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<Error><Code>AuthenticationFailed</Code><AuthenticationErrorDetail>Start [%s] - Expiry [x] - Current [x]</AuthenticationErrorDetail></Error>", said)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/account/container"
}

func TestNoCommandTellsTheCredentialsThatTheServiceRepeats(t *testing.T) {
	sas := "sv=2021-12-02&sig=" + planted + "%2Bwith%3D"
	container, point := talkative(t), mounted.Point(t)
	for title, c := range map[string]struct {
		container string
		options   harness.Option
		flags     func(t *testing.T) []string
	}{
		"SAS in the URL":         {container: container + "?" + sas},
		"SAS in the environment": {container: container, options: harness.WithEnvironment("AZURE_STORAGE_SAS_TOKEN=" + sas)},
		"connection string":      {container: container, options: harness.WithEnvironment("AZURE_STORAGE_CONNECTION_STRING=BlobEndpoint=" + container + ";SharedAccessSignature=" + sas)},
		"wrong key":              {container: container, options: harness.WithEnvironment("AZURE_STORAGE_KEY=" + planted + "!")},
		"right key":              {container: container, options: harness.WithEnvironment("AZURE_STORAGE_KEY=" + planted + azurite.Key[len(planted):])},
		"file":                   {container: container, flags: func(t *testing.T) []string { return []string{"--credentials-file", harness.SecretFile(t, "?"+sas)} }},
		"file of something else": {container: container, flags: func(t *testing.T) []string { return []string{"--credentials-file", harness.SecretFile(t, planted)} }},
		"file of the environment": {container: container, flags: func(t *testing.T) []string {
			return []string{"--credentials-env-file", harness.SecretFile(t, "AZURE_STORAGE_SAS_TOKEN='"+sas+"'")}
		}},
		"proxy with a password":       {container: "http://blob.example/account/container?" + sas, options: harness.WithEnvironment("HTTP_PROXY=http://user:" + planted + "@" + strings.TrimPrefix(container, "http://"))},
		"proxy that is none":          {container: "http://blob.example/account/container?" + sas, options: harness.WithEnvironment("HTTP_PROXY=http://user:" + planted + "/x@127.0.0.1:1")},
		"everything in the log":       {container: container + "?" + sas, options: harness.WithEnvironment("AZURE_SDK_GO_LOGGING=all")},
		"key and everything in there": {container: container, options: harness.WithEnvironment("AZURE_SDK_GO_LOGGING=all", "AZURE_STORAGE_KEY="+planted+azurite.Key[len(planted):])},
	} {
		t.Run(title, func(t *testing.T) {
			directory := t.TempDir()
			harness.MustMkdir(t, filepath.Join(directory, "src"))
			state := filepath.Join(directory, "state")
			for _, arguments := range [][]string{
				{"ls", c.container}, {"verify", "--json", c.container}, {"export", c.container, filepath.Join(directory, "out")},
				{"load", "--new", "--log-format", "json", "--log-level", "DEBUG", state, filepath.Join(directory, "src"), c.container},
				{"mount", "--daemon", "--log-level", "DEBUG", "--state", state, "--target", c.container, point},
				{"mount", "--read-only", "--target", c.container, point},
			} {
				if c.flags != nil {
					arguments = append(arguments, c.flags(t)...)
				}
				options := []harness.Option{harness.InDirectory(directory)}
				if c.options != nil {
					options = append(options, c.options)
				}
				r := mustNotTell(harness.Command(t, arguments, options...).Start().Wait(), directory)
				if r.Code == harness.ExitOK {
					t.Errorf("%q was not refused", arguments)
				}
			}
		})
	}
}

// A mount with a SAS on its command line works, and neither its arguments nor those of the
// daemon show it, nor does anything that it writes.
func TestArgumentsOfARunningMountShowNoSecret(t *testing.T) {
	for title, flags := range map[string][]string{"foreground": nil, "daemon": {"--daemon"}} {
		t.Run(title, func(t *testing.T) {
			c := remote.NewMetered(t)
			c.AcceptOnly("sig=" + planted)
			state, point, directory := filepath.Join(t.TempDir(), "state"), mounted.Point(t), t.TempDir()
			t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
			address, _, _ := strings.Cut(c.URL, "?")
			arguments := append([]string{"--settle", "0s", "--state", state, "--target", address + "?sv=1&sig=" + planted}, flags...)
			i := &mounted.Intake{T: t, State: state}
			if flags == nil {
				i.Mount = mounted.With(t, point, arguments)
			} else {
				i.Mount = &mounted.Mount{Point: point}
				mustNotTell(harness.Command(t, append(append([]string{"mount"}, arguments...), point)).Start().Wait().MustExit(harness.ExitOK), directory)
			}
			harness.WriteFile(t, filepath.Join(point, "file"), "contents")
			pid := i.Status().PID
			mustNotShow(t, pid)
			mustNotTell(harness.Clfsload(t, "publish", point).MustExit(harness.ExitOK), state)
			for _, arguments := range [][]string{{"status", point}, {"status", "--json", point}, {"flush", "--json", point}} {
				mustNotTell(harness.Clfsload(t, arguments...).MustExit(harness.ExitOK))
			}
			end := func() { mustNotTell(harness.Clfsload(t, "unmount", point).MustExit(harness.ExitOK), state) }
			if flags == nil {
				end()
				mustNotTell(i.Await().MustExit(harness.ExitOK))
			} else {
				mounted.AwaitEnd(t, pid, end)
			}
			mustNotHoldPlanted(t, state)
			for name, data := range c.Blobs("container") {
				if strings.Contains(string(data), planted) {
					t.Errorf("blob %s holds the secret", name)
				}
			}
		})
	}
}

// So it is when mount(8) has brought the SAS.
func TestAMountHelperHidesTheSecretInItsArguments(t *testing.T) {
	f := mounted.NewFstab(t)
	c := remote.NewMetered(t)
	c.AcceptOnly("sig=" + planted)
	address, _, _ := strings.Cut(c.URL, "?")
	point := f.Add("none", "noauto")
	state := filepath.Join(f.Home, "state")
	f.Mount("-o", "state="+state+",settle=0s", "-t", "clfsload", address+"?sv=1&sig="+planted, point).MustExit(harness.ExitOK)
	i := &mounted.Intake{T: t, State: state, Mount: &mounted.Mount{Point: point}}
	pid := i.Status().PID
	mustNotShow(t, pid)
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	harness.Must(t, err)
	if strings.Contains(string(mounts), planted) {
		t.Error("the table of mounts has the secret")
	}
	mounted.AwaitEnd(t, pid, func() { mustNotTell(harness.Clfsload(t, "unmount", point).MustExit(harness.ExitOK), state) })
	mustNotTell(f.Mount("-o", "sas="+planted, "-t", "clfsload", "none", point).MustExit(harness.ExitUsage), state)
}

// A load shows no secret in its arguments while it runs, and leaves none.
func TestALoadWithASecretOnItsCommandLineKeepsIt(t *testing.T) {
	c := remote.NewMetered(t)
	c.AcceptOnly("sig=" + planted)
	address, _, _ := strings.Cut(c.URL, "?")
	source, state := trees.ModestTree(t), filepath.Join(t.TempDir(), "state")
	shown := make(chan struct{})
	var r *harness.Run
	c.Await(remote.Moment{Blobs: 3, Stored: true, Act: func() {
		<-r.Started
		mustNotShow(t, r.Command.Process.Pid)
		close(shown)
	}})
	r = harness.Command(t, []string{"load", "--new", "--log-level", "DEBUG", state, source, address + "?sv=1&sig=" + planted})
	mustNotTell(r.Start().Wait().MustExit(harness.ExitOK), state)
	<-shown
	for name, data := range c.Blobs("container") {
		if strings.Contains(string(data), planted) {
			t.Errorf("blob %s holds the secret", name)
		}
	}
}
