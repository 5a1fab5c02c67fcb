package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"clfsload/state"
)

// What a load writes into STATE when entries are left that failed.
const (
	problemsText  = "problems.txt"   // a path a line
	problemsLines = "problems.jsonl" // a JSON object a line, with the reason
)

// problemValue is a line of problems.jsonl.
type problemValue struct {
	pathValue
	Op     string `json:"op"`              // what was tried
	Errno  string `json:"errno,omitempty"` // its name, if the reason is one
	Reason string `json:"reason"`
}

// quotePath returns a path as one line. A path with a character that is not printable,
// such as a control character, with bytes that are no UTF-8 or with a quotation mark in
// front comes in quotation marks with the escapes of a Go string, every other as it is:
// so what begins with a quotation mark is quoted, and nothing else is.
func quotePath(path string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if strings.HasPrefix(path, `"`) || !utf8.ValidString(path) || strings.ContainsFunc(path, odd) {
		return strconv.Quote(path)
	}
	return path
}

// bytes returns the path as the source has it.
func (v pathValue) bytes() string {
	if raw, err := base64.StdEncoding.DecodeString(v.PathBase64); err == nil && len(raw) > 0 {
		return string(raw)
	}
	return v.Path
}

// writeProblems lists the failed entries in both files, or removes the files when
// there are none.
func writeProblems(ctx context.Context, j *state.Journal) error {
	text, lines := filepath.Join(j.Dir(), problemsText), filepath.Join(j.Dir(), problemsLines)
	if j.Totals().Failures == 0 {
		return errors.Join(removeIfThere(text), removeIfThere(lines))
	}
	return replaceFile(text, func(t *bufio.Writer) error {
		return replaceFile(lines, func(l *bufio.Writer) error { return listProblems(ctx, j, t, l) })
	})
}

func listProblems(ctx context.Context, j *state.Journal, text, lines *bufio.Writer) error {
	names := errnoNames()
	encoder := json.NewEncoder(lines)
	encoder.SetEscapeHTML(false)
	return j.EachFailure(ctx, func(f state.Failure) error {
		if _, err := text.WriteString(quotePath(f.Path) + "\n"); err != nil {
			return err
		}
		return encoder.Encode(problemValue{newPathValue(f.Path), f.Op, names[f.Reason], f.Reason})
	})
}

// errnoNames maps the text of each system error to its name, such as EACCES.
func errnoNames() map[string]string {
	const last = syscall.Errno(133) // EHWPOISON
	names := make(map[string]string)
	for e := syscall.Errno(1); e <= last; e++ {
		names[e.Error()] = unix.ErrnoName(e)
	}
	return names
}

// replaceFile writes a file under a temporary name and renames it: a reader finds
// the old one or all of the new one. When it has returned a power cut leaves the new
// one.
func replaceFile(path string, write func(*bufio.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = fill(f, write)
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return state.SyncDir(filepath.Dir(path))
}

func fill(f *os.File, write func(*bufio.Writer) error) error {
	w := bufio.NewWriter(f)
	err := write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
