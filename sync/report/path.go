package report

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Path is a path in JSON, which cannot hold bytes that are not UTF-8: they become U+FFFD in Path,
// and PathBase64 has all bytes.
type Path struct {
	Path       string `json:"path"`
	PathBase64 string `json:"path_base64,omitempty"`
}

func NewPath(path string) Path {
	v := Path{Path: path}
	if !utf8.ValidString(path) {
		v.PathBase64 = base64.StdEncoding.EncodeToString([]byte(path))
	}
	return v
}

// Quote returns a path as one line. Three kinds of paths are written in quotation marks with the
// escapes of a Go string: with a character that is not printable, such as a control character; with
// bytes that are not UTF-8; with a quotation mark in front. All other paths are unchanged. So a
// line that begins with a quotation mark is quoted, and no other is.
func Quote(path string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if strings.HasPrefix(path, `"`) || !utf8.ValidString(path) || strings.ContainsFunc(path, odd) {
		return strconv.Quote(path)
	}
	return path
}

// Bytes returns the path as the source has it.
func (v Path) Bytes() string {
	if raw, err := base64.StdEncoding.DecodeString(v.PathBase64); err == nil && len(raw) > 0 {
		return string(raw)
	}
	return v.Path
}
