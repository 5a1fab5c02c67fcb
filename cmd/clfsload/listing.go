package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/report"
	"clfsload/sync/tree"
)

// modeText is the mode as ls shows it, such as drwxr-xr-x.
func modeText(a object.Attr) string {
	const types = "?-dbclsp"
	letter := byte('?')
	if int(a.Type) < len(types) {
		letter = types[a.Type]
	}
	text := []byte{letter, '-', '-', '-', '-', '-', '-', '-', '-', '-'}
	for i, c := range "rwxrwxrwx" {
		if a.Mode>>(8-i)&1 == 1 {
			text[i+1] = byte(c)
		}
	}
	for i, special := range "sst" {
		if a.Mode>>(11-i)&1 == 0 {
			continue
		}
		at := 3 * (i + 1)
		if text[at] == 'x' {
			text[at] = byte(special)
		} else {
			text[at] = byte(unicode.ToUpper(special))
		}
	}
	return string(text)
}

func timeOf(t clfs.Time) time.Time { return time.Unix(int64(t.Sec), int64(t.Nsec)) }

// sizeText is the size, or a device's number.
func sizeText(a object.Attr) string {
	if a.Type == clfs.TypeBlock || a.Type == clfs.TypeChar {
		return fmt.Sprintf("%d, %d", a.RdevMajor, a.RdevMinor)
	}
	return strconv.FormatUint(a.Size, 10)
}

// longLine is a line of ls -l.
func longLine(n *tree.Node, name string, terminal bool) string {
	a := n.Inode.Attr
	line := fmt.Sprintf("%s %4d %-8d %-8d %12s %s %s", modeText(a), a.Nlink, a.UID, a.GID, sizeText(a),
		timeOf(a.Mtime).Format("2006-01-02 15:04"), name)
	if target := n.Target(); target != nil {
		line += " -> " + quotedOn(terminal, string(target))
	}
	return line
}

// quotedOn returns a name unchanged, or quoted if it could disturb a terminal.
func quotedOn(terminal bool, name string) string {
	if terminal {
		return report.Quote(name)
	}
	return name
}

// textJSON is a string of any bytes. JSON can hold only text: if the string is not UTF-8, the bytes
// are added in base64.
type textJSON struct {
	Text  string `json:"text"`
	Bytes []byte `json:"bytes,omitempty"` // base64
}

func newText(s string) textJSON {
	if utf8.ValidString(s) {
		return textJSON{Text: s}
	}
	return textJSON{strings.ToValidUTF8(s, "\uFFFD"), []byte(s)}
}

// inodeJSON is the JSON output of ls and stat for an inode.
type inodeJSON struct {
	Path        string    `json:"path"`
	PathBytes   []byte    `json:"path_bytes,omitempty"` // base64, if the path is no UTF-8
	ID          string    `json:"id"`
	Error       string    `json:"error,omitempty"` // then the other members are unknown
	Type        string    `json:"type,omitempty"`
	Mode        string    `json:"mode,omitempty"` // octal, without the type
	UID         uint32    `json:"uid"`
	GID         uint32    `json:"gid"`
	Size        uint64    `json:"size"`
	Links       uint32    `json:"links"`
	Mtime       time.Time `json:"mtime,omitzero"`
	Ctime       time.Time `json:"ctime,omitzero"`
	Atime       time.Time `json:"atime,omitzero"`
	Device      string    `json:"device,omitempty"` // major:minor
	Target      string    `json:"target,omitempty"`
	TargetBytes []byte    `json:"target_bytes,omitempty"`
	Blob        string    `json:"blob,omitempty"`
}

func newInodeJSON(path string, id clfs.ID, n *tree.Node, err error) inodeJSON {
	p := newText(path)
	j := inodeJSON{Path: p.Text, PathBytes: p.Bytes, ID: id.String()}
	if err != nil {
		j.Error = err.Error()
		return j
	}
	a, target := n.Inode.Attr, newText(string(n.Target()))
	j.Type, j.Mode, j.UID, j.GID = a.Type.String(), fmt.Sprintf("%04o", a.Mode&0o7777), a.UID, a.GID
	j.Size, j.Links, j.Blob = a.Size, a.Nlink, n.Blob
	j.Mtime, j.Ctime, j.Atime = timeOf(a.Mtime).UTC(), timeOf(a.Ctime).UTC(), timeOf(a.Atime).UTC()
	j.Target, j.TargetBytes = target.Text, target.Bytes
	if a.Type == clfs.TypeBlock || a.Type == clfs.TypeChar {
		j.Device = fmt.Sprintf("%d:%d", a.RdevMajor, a.RdevMinor)
	}
	return j
}
