package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/spf13/pflag"
)

// logFlags say what is logged and how.
type logFlags struct {
	level  string
	format string
}

func (f *logFlags) register(fl *pflag.FlagSet) {
	fl.StringVar(&f.level, "log-level", "INFO", "DEBUG, INFO, WARNING or ERROR")
	fl.StringVar(&f.format, "log-format", "text", "text or json")
}

// console is where a command talks to the person who runs it: results on out,
// log and progress on err.
type console struct {
	out      io.Writer
	log      *slog.Logger
	file     *slog.Logger // for what only the log file is to have
	late     *lateWriter
	err      *switchWriter
	terminal bool // err is a terminal
}

func newConsole(out, err io.Writer, f logFlags) (*console, error) {
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
	c := &console{out: out, err: &switchWriter{w: bare(err)}, late: &lateWriter{}, terminal: isTerminal(err)}
	file := h(messages(c.late))
	c.log, c.file = slog.New(slog.NewMultiHandler(h(messages(c.err)), file)), slog.New(file)
	return c, nil
}

// logTo sends further log lines, also those of loggers that were handed out, to w
// as well.
func (c *console) logTo(w io.Writer) { c.late.set(w) }

// flush waits until the reader of standard error has what was written.
func (c *console) flush() { flush(c.err.w) }

// quiet ends the log on standard error.
func (c *console) quiet() { c.err.divert(io.Discard) }

// lateWriter writes to what it is given later, and until then nowhere.
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

// switchWriter writes to w, which a live display replaces while it runs, so that
// log lines appear above it.
type switchWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *switchWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

// divert sends what is written to w until the function that it returns is called.
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
