package tests

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func newGuarded(t *testing.T, content string) guarded {
	t.Helper()
	g := guarded{meteredContainer: newMeteredContainer(t), source: modestTree(t), state: filepath.Join(t.TempDir(), "state")}
	g.url, _, _ = strings.Cut(g.url, "?")
	g.before = listTree(t, g.source)
	g.file = secretFile(t, content)
	g.AcceptOnly(oldSignature)
	g.await(moment{blobs: 30, stored: true, act: func() { g.AcceptOnly(newSignature) }})
	return g
}

// waitToSay waits until a running load has said text on standard error.
func waitToSay(r *run, text string) {
	r.t.Helper()
	for tick := time.NewTicker(5 * time.Millisecond); !strings.Contains(r.stderr.String(), text); <-tick.C {
		if r.ended() {
			r.t.Fatalf("%v ended and did not say %q\nstderr:\n%s", r.command.Args, text, clip(r.stderr.String()))
		}
	}
}

func TestALoadWaitsForNewCredentialsAndGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		flag, before, after string
		signal              bool
	}{
		"credentials file": {flag: "--credentials-file", before: "sv=1&" + oldSignature, after: "?sv=1&" + newSignature + "\n"},
		"hangup":           {flag: "--credentials-file", before: "sv=1&" + oldSignature, after: "sv=1&" + newSignature, signal: true},
		"environment's file": {flag: "--credentials-env-file",
			before: "# of the account\nAZURE_STORAGE_SAS_TOKEN=sv=1&" + oldSignature + "\n",
			after:  "OTHER=1\nexport AZURE_STORAGE_SAS_TOKEN='?sv=1&" + newSignature + "'\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuarded(t, c.before)
			r := command(t, g.into(g.state, g.source, "--new", c.flag, g.file)).start()
			waitToSay(r, "credentials refused; the load waits for new ones")
			g.replace(t, c.after)
			if c.signal {
				r.command.Process.Signal(syscall.SIGHUP)
			}
			res := r.wait().mustExit(exitOK).mustSay("credentials accepted", g.file)
			if n := strings.Count(res.stderr, "waits for new ones"); n != 1 {
				t.Errorf("it said %d times that credentials are refused\n%s", n, res.stderr)
			}
			g.mustBeWhole(t, res)
		})
	}
}

// A SAS on the command line gives way to the file when it is refused.
func TestAFileOfCredentialsReplacesARefusedSASOfTheURL(t *testing.T) {
	g := newGuarded(t, "sv=1&"+newSignature)
	g.url += "?sv=1&" + oldSignature
	res := clfsload(t, g.into(g.state, g.source, "--new", "--credentials-file", g.file)...).mustExit(exitOK)
	g.mustBeWhole(t, res)
}

func TestAHangupTakesNewCredentialsBeforeTheOldOnesEnd(t *testing.T) {
	g := newGuarded(t, "sv=1&"+oldSignature)
	reached, proceed := make(chan bool), make(chan bool)
	g.await(moment{blobs: 30, stored: true, act: func() { close(reached); <-proceed }})
	r := command(t, g.into(g.state, g.source, "--new", "--credentials-file", g.file, "--request-timeout", "1h")).start()
	<-reached
	g.AcceptOnly("")
	g.replace(t, "sv=1&"+newSignature)
	r.command.Process.Signal(syscall.SIGHUP)
	waitToSay(r, "took new credentials")
	g.AcceptOnly(newSignature)
	close(proceed)
	res := r.wait().mustExit(exitOK)
	g.mustBeWhole(t, res)
}

func TestWithoutWaitingRefusedCredentialsEndTheLoadWhichGoesOnLater(t *testing.T) {
	g := newGuarded(t, "sv=1&"+oldSignature)
	res := clfsload(t, g.into(g.state, g.source, "--new", "--credentials-file", g.file, "--no-wait")...)
	res.mustExit(exitCredentials).mustSay("credentials refused", "run the same command again")
	mustKeepSecrets(t, res, g.state)
	g.replace(t, "sv=1&"+newSignature)
	res = clfsload(t, g.into(g.state, g.source, "--credentials-file", g.file, "--no-wait")...).mustExit(exitOK)
	g.mustBeWhole(t, res)
}

func TestALoadThatWaitsForCredentialsCanBeStopped(t *testing.T) {
	g := newGuarded(t, "sv=1&"+oldSignature)
	r := command(t, g.into(g.state, g.source, "--new", "--credentials-file", g.file)).start()
	waitToSay(r, "credentials refused")
	r.command.Process.Signal(syscall.SIGINT)
	r.wait().mustExit(exitInterrupted)
	g.replace(t, "sv=1&"+newSignature)
	res := clfsload(t, g.into(g.state, g.source, "--credentials-file", g.file)...).mustExit(exitOK)
	g.mustBeWhole(t, res)
}
