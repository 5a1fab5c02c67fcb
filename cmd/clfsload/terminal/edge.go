package terminal

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/term"

	"clfsload/sync/blob/secrecy"
)

// Edge is the point where text leaves the program. It removes secrets, and its clean function
// decides which control characters pass. It writes whole lines, so that a secret is never split and
// missed; Flush writes the rest.
type Edge struct {
	clean func(string) string

	mu      sync.Mutex
	w       io.Writer
	partial []byte // line
	failed  error  // of the first write that failed
}

// maxPartial is the most bytes of an unfinished line that are held back.
const maxPartial = 1 << 20

// Messages is the edge for texts for people: errors, progress, logs.
func Messages(w io.Writer) *Edge { return &Edge{w: Bare(w), clean: SafeMessage} }

// Results is the edge for the output of commands. Names that only look like a secret are unchanged.
func Results(w io.Writer) *Edge {
	return &Edge{w: Bare(w), clean: func(text string) string { return printable(secrecy.Known(text)) }}
}

// Listing is the edge for names, as ls prints them: unchanged into a pipe or a file, and without
// control characters on a terminal.
func Listing(w io.Writer) *Edge {
	if IsTerminal(w) {
		return Results(w)
	}
	return &Edge{w: Bare(w), clean: secrecy.Known}
}

// Bare is the writer behind an edge.
func Bare(w io.Writer) io.Writer {
	if e, ok := w.(*Edge); ok {
		return e.w
	}
	return w
}

func IsTerminal(w io.Writer) bool {
	f, ok := fileOf(w).(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (e *Edge) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.partial = append(e.partial, p...)
	end := bytes.LastIndexByte(e.partial, '\n') + 1
	if end == 0 && len(e.partial) > maxPartial {
		end = len(e.partial)
	}
	if err := e.put(end); err != nil {
		return 0, err
	}
	return len(p), nil
}

// put writes the first n bytes of the held output.
func (e *Edge) put(n int) error {
	if n == 0 {
		return nil
	}
	text := e.clean(string(e.partial[:n]))
	e.partial = append(e.partial[:0], e.partial[n:]...)
	_, err := io.WriteString(e.w, text)
	if e.failed == nil {
		e.failed = err
	}
	return err
}

// Flush writes an unfinished line. It returns the first error of all writes.
func (e *Edge) Flush() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.put(len(e.partial)) // noted
	return e.failed
}

// SafeMessage is a text without secrets and control characters.
func SafeMessage(text string) string { return printable(secrecy.Text(text)) }

// printable replaces characters that could disturb or deceive a terminal: control characters,
// characters that change the direction of text, bytes that are not UTF-8. The escapes are those of
// JSON and mean the same in it. Line feeds and tabs stay.
func printable(text string) string {
	if strings.IndexFunc(text, odd) < 0 && utf8.ValidString(text) {
		return text
	}
	var out strings.Builder
	for i, r := range text {
		switch _, size := utf8.DecodeRuneInString(text[i:]); {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, text[i])
		case !odd(r):
			out.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&out, `\u%04x`, unit)
			}
		}
	}
	return out.String()
}

func odd(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }
