package service

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"clfsload/tests/harness"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

func newGuarded(t *testing.T, content string) remote.Guarded {
	t.Helper()
	g := remote.Guarded{Metered: remote.NewMetered(t), Source: trees.ModestTree(t), State: filepath.Join(t.TempDir(), "state")}
	g.URL, _, _ = strings.Cut(g.URL, "?")
	g.Before = trees.List(t, g.Source)
	g.File = harness.SecretFile(t, content)
	g.AcceptOnly(remote.OldSignature)
	g.Await(remote.Moment{Blobs: 30, Stored: true, Act: func() { g.AcceptOnly(remote.NewSignature) }})
	return g
}

// waitToSay waits until a running load has said text on standard error.
func waitToSay(r *harness.Run, text string) {
	r.T.Helper()
	for tick := time.NewTicker(5 * time.Millisecond); !strings.Contains(r.Stderr.String(), text); <-tick.C {
		if r.Ended() {
			r.T.Fatalf("%v ended and did not say %q\nstderr:\n%s", r.Command.Args, text, harness.Clip(r.Stderr.String()))
		}
	}
}

func TestALoadWaitsForNewCredentialsAndGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		flag, before, after string
		signal              bool
	}{
		"credentials file": {flag: "--credentials-file", before: "sv=1&" + remote.OldSignature, after: "?sv=1&" + remote.NewSignature + "\n"},
		"hangup":           {flag: "--credentials-file", before: "sv=1&" + remote.OldSignature, after: "sv=1&" + remote.NewSignature, signal: true},
		"environment's file": {flag: "--credentials-env-file",
			before: "# of the account\nAZURE_STORAGE_SAS_TOKEN=sv=1&" + remote.OldSignature + "\n",
			after:  "OTHER=1\nexport AZURE_STORAGE_SAS_TOKEN='?sv=1&" + remote.NewSignature + "'\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuarded(t, c.before)
			r := harness.Command(t, g.Into(g.State, g.Source, "--new", c.flag, g.File)).Start()
			waitToSay(r, "credentials refused; the load waits for new ones")
			g.Replace(t, c.after)
			if c.signal {
				r.Command.Process.Signal(syscall.SIGHUP)
			}
			res := r.Wait().MustExit(harness.ExitOK).MustSay("credentials accepted", g.File)
			if n := strings.Count(res.Stderr, "waits for new ones"); n != 1 {
				t.Errorf("it said %d times that credentials are refused\n%s", n, res.Stderr)
			}
			g.MustBeWhole(t, res)
		})
	}
}

// A SAS on the command line gives way to the file when it is refused.
func TestAFileOfCredentialsReplacesARefusedSASOfTheURL(t *testing.T) {
	g := newGuarded(t, "sv=1&"+remote.NewSignature)
	g.URL += "?sv=1&" + remote.OldSignature
	res := harness.Clfsload(t, g.Into(g.State, g.Source, "--new", "--credentials-file", g.File)...).MustExit(harness.ExitOK)
	g.MustBeWhole(t, res)
}

func TestAHangupTakesNewCredentialsBeforeTheOldOnesEnd(t *testing.T) {
	g := newGuarded(t, "sv=1&"+remote.OldSignature)
	reached, proceed := make(chan bool), make(chan bool)
	g.Await(remote.Moment{Blobs: 30, Stored: true, Act: func() { close(reached); <-proceed }})
	r := harness.Command(t, g.Into(g.State, g.Source, "--new", "--credentials-file", g.File, "--request-timeout", "1h")).Start()
	<-reached
	g.AcceptOnly("")
	g.Replace(t, "sv=1&"+remote.NewSignature)
	r.Command.Process.Signal(syscall.SIGHUP)
	waitToSay(r, "took new credentials")
	g.AcceptOnly(remote.NewSignature)
	close(proceed)
	res := r.Wait().MustExit(harness.ExitOK)
	g.MustBeWhole(t, res)
}

func TestWithoutWaitingRefusedCredentialsEndTheLoadWhichGoesOnLater(t *testing.T) {
	g := newGuarded(t, "sv=1&"+remote.OldSignature)
	res := harness.Clfsload(t, g.Into(g.State, g.Source, "--new", "--credentials-file", g.File, "--no-wait")...)
	res.MustExit(harness.ExitCredentials).MustSay("credentials refused", "run the same command again")
	remote.MustKeepSecrets(t, res, g.State)
	g.Replace(t, "sv=1&"+remote.NewSignature)
	res = harness.Clfsload(t, g.Into(g.State, g.Source, "--credentials-file", g.File, "--no-wait")...).MustExit(harness.ExitOK)
	g.MustBeWhole(t, res)
}

func TestALoadThatWaitsForCredentialsCanBeStopped(t *testing.T) {
	g := newGuarded(t, "sv=1&"+remote.OldSignature)
	r := harness.Command(t, g.Into(g.State, g.Source, "--new", "--credentials-file", g.File)).Start()
	waitToSay(r, "credentials refused")
	r.Command.Process.Signal(syscall.SIGINT)
	r.Wait().MustExit(harness.ExitInterrupted)
	g.Replace(t, "sv=1&"+remote.NewSignature)
	res := harness.Clfsload(t, g.Into(g.State, g.Source, "--credentials-file", g.File)...).MustExit(harness.ExitOK)
	g.MustBeWhole(t, res)
}
