package terminal

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/spf13/pflag"
)

// LogFlags are the flags for the level and format of the log.
type LogFlags struct {
	level  string
	format string
}

func (f *LogFlags) Register(fl *pflag.FlagSet) {
	fl.StringVar(&f.level, "log-level", "INFO", "DEBUG, INFO, WARNING or ERROR")
	fl.StringVar(&f.format, "log-format", "text", "text or json")
}

// Console connects a command to its user: results on out, log and progress on err.
type Console struct {
	Out      io.Writer
	Log      *slog.Logger
	File     *slog.Logger // for lines of the log file only
	late     *lateWriter
	Err      *switchWriter
	terminal bool // err is a terminal
}

func NewConsole(out, err io.Writer, f LogFlags) (*Console, error) {
	level, e := parseLevel(f.level)
	if e != nil {
		return nil, e
	}
	var h func(io.Writer) slog.Handler
	switch options := (&slog.HandlerOptions{Level: level}); f.format {
	case "text":
		h = func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, options) }
	case "json":
		h = func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, options) }
	default:
		return nil, fmt.Errorf("--log-format %s: it must be text or json", f.format)
	}
	c := &Console{Out: out, Err: &switchWriter{w: Bare(err)}, late: &lateWriter{}, terminal: IsTerminal(err)}
	file := h(Messages(c.late))
	c.Log, c.File = slog.New(slog.NewMultiHandler(h(Messages(c.Err)), file)), slog.New(file)
	return c, nil
}

// LogTo sends further log lines to w as well, also those of loggers in use.
func (c *Console) LogTo(w io.Writer) { c.late.set(w) }

// Flush waits until the reader of standard error has all output.
func (c *Console) Flush() { Flush(c.Err.w) }

// Quiet ends the log on standard error.
func (c *Console) Quiet() { c.Err.divert(io.Discard) }

// lateWriter writes to its writer once that is set, and discards output before.
type lateWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lateWriter) set(w io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.w = w
}

func (l *lateWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.w == nil {
		return len(p), nil
	}
	return l.w.Write(p)
}

func parseLevel(text string) (slog.Level, error) {
	var level slog.Level
	name := strings.ToUpper(text)
	if name == "WARNING" {
		name = "WARN"
	}
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return 0, fmt.Errorf("--log-level %s: it must be DEBUG, INFO, WARNING or ERROR", text)
	}
	return level, nil
}

// switchWriter writes to w. A live display replaces w while it runs, so that log lines appear above
// the display.
type switchWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *switchWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

// divert sends output to w until the returned function is called.
func (s *switchWriter) divert(w io.Writer) (restore func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.w
	s.w = w
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.w = before
	}
}
