package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"clfsload/clfs"
	"clfsload/sync/outcome"
	"clfsload/sync/tree"
)

func newStatCommand() *cobra.Command {
	f := newReadFlags()
	var s statCommand
	cmd := &cobra.Command{
		Use:   "stat TARGET PATH",
		Short: "Show the attributes, handle and blobs of a file",
		Long: `Show the attributes of PATH in the container TARGET, the parts of its
filehandle, the directories that link to it, and its blobs. The segments of a
file are counted; --blobs names them.`,
		Example: `  clfsload stat dir:/mnt/stage/projects src/main.c
  clfsload stat --blobs --json https://myaccount.blob.core.windows.net/projects data.bin | jq -r '.segments[].blob'`,
		Args: argsBetween(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(cmd, args, f) },
	}
	cmd.Flags().BoolVar(&s.json, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&s.blobs, "blobs", false, "name the blobs of all segments and indirect blocks")
	f.register(cmd)
	return cmd
}

type statCommand struct{ json, blobs bool }

// statJSON is the JSON output of stat, in addition to that of ls.
type statJSON struct {
	inodeJSON
	Handle       *handleJSON `json:"handle,omitempty"`
	FileID       uint64      `json:"fileid"`
	FSID         string      `json:"fsid"`
	ContainerID  string      `json:"containerid"`
	Name         textJSON    `json:"name"`
	BackPointers []string    `json:"back_pointers,omitempty"`
	Version      uint32      `json:"version"`
	Older        int         `json:"older_versions"`
	Blocks       int         `json:"segments_count"`
	Indirects    int         `json:"indirect_count"`
	Segments     []blockJSON `json:"segments,omitempty"`
}

type handleJSON struct {
	ContainerID  string `json:"containerid"` // its low 27 bits
	DirMgrSource uint8  `json:"dirmgr_source"`
	DirMgrTarget uint8  `json:"dirmgr_target"`
	Type         string `json:"type"`
	Sequence     uint64 `json:"sequence"`
	Random       string `json:"random"`
}

type blockJSON struct {
	Number uint64 `json:"number"` // of the segment, or of the first below an indirect block
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	Blob   string `json:"blob,omitempty"`
	Size   int64  `json:"blob_size,omitempty"`
	Error  string `json:"error,omitempty"`
}

func (s *statCommand) run(cmd *cobra.Command, args []string, f readFlags) error {
	t, err := f.openTree(cmd, args[0], args[1], aPath)
	if err != nil {
		return err
	}
	defer t.Close()
	ctx := cmd.Context()
	n, err := t.Lookup(ctx, args[1])
	if err != nil {
		return outcome.OfContext(ctx, err)
	}
	j := newStatJSON(containerPath(args[1]), n)
	err = errors.Join(s.addBlocks(ctx, t, n, &j), n.Check())
	if s.json {
		encoder := json.NewEncoder(cmd.OutOrStdout())
		encoder.SetIndent("", "  ")
		return outcome.OfContext(ctx, errors.Join(encoder.Encode(j), err))
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	printStat(out, n, &j)
	return outcome.OfContext(ctx, errors.Join(out.Flush(), err))
}

func newStatJSON(path string, n *tree.Node) statJSON {
	a := n.Inode.Attr
	j := statJSON{inodeJSON: newInodeJSON(path, n.ID, n, nil), FileID: a.FileID, FSID: fmt.Sprintf("%#x", a.FSID),
		ContainerID: fmt.Sprintf("%#x", a.ContainerID), Name: newText(string(n.Inode.Name)), Version: n.Version, Older: n.Older}
	if h, err := clfs.ParseHandle(n.ID); err == nil {
		j.Handle = &handleJSON{ContainerID: fmt.Sprintf("%#x", h.ContainerID), DirMgrSource: h.DirMgrSource, DirMgrTarget: h.DirMgrTarget,
			Type: h.Type.String(), Sequence: h.Sequence, Random: fmt.Sprintf("%#x", h.Random)}
	}
	for _, back := range n.Inode.BackPointers {
		j.BackPointers = append(j.BackPointers, back.String())
	}
	return j
}

// addBlocks counts the blocks, and finds their blobs if requested.
func (s *statCommand) addBlocks(ctx context.Context, t *tree.Tree, n *tree.Node, j *statJSON) error {
	var damage error
	for b, err := range t.Blocks(ctx, n, 1, tree.AllBlocks) {
		row := blockJSON{Number: b.Number, Kind: "segment", ID: b.ID.String()}
		o := b.Object
		if b.Indirect {
			j.Indirects++
			row.Kind = "indirect block"
		} else {
			j.Blocks++
			if s.blobs && err == nil {
				o, err = t.Find(ctx, b.ID)
			}
		}
		if err != nil {
			if !errors.Is(err, tree.ErrDamaged) {
				return err
			}
			damage = err
			row.Error = err.Error()
		}
		row.Blob, row.Size = o.Blob, o.Size
		if s.blobs {
			j.Segments = append(j.Segments, row)
		}
	}
	return damage
}

func printStat(w io.Writer, n *tree.Node, j *statJSON) {
	row := func(label, format string, args ...any) {
		fmt.Fprintf(w, "%-14s "+format+"\n", append([]any{label}, args...)...)
	}
	a := n.Inode.Attr
	row("path", "%q", j.Path)
	if target := n.Target(); target != nil {
		row("target", "%q", target)
	}
	row("type", "%s", a.Type)
	row("mode", "%04o %s", a.Mode&0o7777, modeText(a))
	row("owner", "%d:%d", a.UID, a.GID)
	row("size", "%d", a.Size)
	if j.Device != "" {
		row("device", "%s", j.Device)
	}
	row("links", "%d", a.Nlink)
	row("mtime", "%s", timeOf(a.Mtime).Format(time.RFC3339Nano))
	row("ctime", "%s", timeOf(a.Ctime).Format(time.RFC3339Nano))
	row("atime", "%s", timeOf(a.Atime).Format(time.RFC3339Nano))
	row("id", "%s", n.ID)
	if h := j.Handle; h != nil {
		row("handle", "%s %d, directory managers %d and %d, containerid %s, random %s", h.Type, h.Sequence, h.DirMgrSource, h.DirMgrTarget, h.ContainerID, h.Random)
	}
	row("source inode", "%d", a.FileID)
	row("fsid", "%s", j.FSID)
	row("containerid", "%s", j.ContainerID)
	row("name", "%q", n.Inode.Name)
	for _, back := range j.BackPointers {
		row("in directory", "%s", back)
	}
	row("blob", "%s", n.Blob)
	row("blob size", "%d", n.Size)
	row("version", "%d, %d older", n.Version, n.Older)
	row("segments", "%d, %d indirect blocks", j.Blocks, j.Indirects)
	for _, b := range j.Segments {
		row(b.Kind, "%d %s%s %d", b.Number, b.Blob, b.Error, b.Size)
	}
}
