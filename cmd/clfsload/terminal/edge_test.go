package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestTheEdgeFindsASecretThatIsWrittenInPieces(t *testing.T) {
	var out bytes.Buffer
	e := Messages(&out)
	for _, c := range "first line\nh/c?sv=1&sig=PLANTED: refused\nno line feed sig=PLANTED" {
		fmt.Fprint(e, string(c))
	}
	if !strings.HasPrefix(out.String(), "first line\n") {
		t.Errorf("whole lines are held back: %q", &out)
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "first line\nh/c[secret]: refused\nno line feed [secret]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTheEdgeEscapesWhatATerminalWouldObey(t *testing.T) {
	for text, want := range map[string]string{
		"plain ünïcödé ☃\ttab\n": "plain ünïcödé ☃\ttab\n",
		"esc\x1b[2J bell\a cr\r": `esc\u001b[2J bell\u0007 cr\u000d`,
		"c1 \u009b2J del\x7f":    `c1 \u009b2J del\u007f`,
		"bidi \u202e \u2066":     `bidi \u202e \u2066`,
		"tag \U000e0041":         `tag \udb40\udc41`,
		"bytes \xff\x9b2J":       `bytes \xff\x9b2J`,
	} {
		var out bytes.Buffer
		e := Messages(&out)
		fmt.Fprint(e, text)
		if err := e.Flush(); err != nil {
			t.Error(err)
		}
		if out.String() != want {
			t.Errorf("%q goes out as %q, want %q", text, &out, want)
		}
	}
}

func TestEscapesOfTheEdgeMeanTheSameInJSON(t *testing.T) {
	const name = "c1 \u009b bidi \u202e tag \U000e0041 sig=looks-like"
	var out bytes.Buffer
	e := Results(&out)
	if err := json.NewEncoder(e).Encode(name); err != nil {
		t.Fatal(err)
	}
	var back string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != name {
		t.Errorf("%s came back as %q: %v", &out, back, err)
	}
	if strings.ContainsAny(out.String(), "\u009b\u202e") {
		t.Errorf("not escaped: %q", &out)
	}
}
