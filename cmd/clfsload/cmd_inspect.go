package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/sync/outcome"
	"clfsload/sync/tree"
)

func newInspectCommand() *cobra.Command {
	f := newReadFlags()
	asJSON := false
	cmd := &cobra.Command{
		Use:   "inspect TARGET BLOB|ID|PATH",
		Short: "Decode one object of a container",
		Long: `Show one object of the container TARGET: the parts of its blob name, its
records, and their meaning. Name the object in one of three ways: by its blob
name, also of an old version; by its id in hex digits, for the live version; or
by a path, which begins with a slash.

If the object is damaged, its readable parts are shown, and then the error.`,
		Example: `  clfsload inspect dir:/mnt/stage/projects /src/main.c
  clfsload inspect dir:/mnt/stage/projects 00000000000000000000000000000063
  clfsload inspect --json dir:/mnt/stage/projects 0000006457871C6B_00000000000000000000000000000064.0002.0000006457871C6B.00000000009.FFFFFFFF.0002`,
		Args: argsBetween(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return runInspect(cmd, args, f, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	f.register(cmd)
	return cmd
}

// objectJSON is the JSON output of inspect for an object.
type objectJSON struct {
	Blob        string       `json:"blob"`
	Size        int64        `json:"blob_size"`
	MD5         string       `json:"md5,omitempty"`
	ID          string       `json:"id"`
	Type        string       `json:"type,omitempty"`
	OwnerHash   string       `json:"owner_hash,omitempty"`
	Version     uint32       `json:"version"`
	Snapshot    string       `json:"snapshot"`
	Compression string       `json:"compression,omitempty"`
	Payload     int          `json:"payload_size"`
	Records     []recordJSON `json:"records,omitempty"`
	Content     any          `json:"content,omitempty"`
	Error       string       `json:"error,omitempty"`
}

type recordJSON struct {
	Type   uint32 `json:"type"`
	Name   string `json:"name"`
	Length int    `json:"length"` // of the body, in bytes
}

func runInspect(cmd *cobra.Command, args []string, f readFlags, asJSON bool) error {
	t, err := f.newTree(cmd, args[0])
	if err != nil {
		return err
	}
	defer t.Close()
	ctx := cmd.Context()
	o, err := findObject(ctx, t, args[1])
	if err != nil {
		return outcome.OfContext(ctx, err)
	}
	j, err := inspect(ctx, t, o)
	if err != nil && !errors.Is(err, tree.ErrDamaged) {
		return outcome.OfContext(ctx, err)
	}
	if asJSON {
		encoder := json.NewEncoder(cmd.OutOrStdout())
		encoder.SetIndent("", "  ")
		return errors.Join(encoder.Encode(j), err)
	}
	return errors.Join(printObject(cmd.OutOrStdout(), j), err)
}

// findObject takes a blob's name, an id or a path.
func findObject(ctx context.Context, t *tree.Tree, text string) (tree.Object, error) {
	if _, err := clfs.ParseName(text); err == nil {
		return t.Blob(ctx, text)
	}
	if id, err := clfs.ParseID(text); err == nil {
		return findID(ctx, t, id)
	}
	n, err := t.Lookup(ctx, text)
	if err != nil {
		return tree.Object{}, err
	}
	return n.Object, nil
}

// findID finds an object by the id on the command line. A missing object is not damage: nothing
// refers to it.
func findID(ctx context.Context, t *tree.Tree, id clfs.ID) (tree.Object, error) {
	o, err := t.Find(ctx, id)
	var damage *tree.Damage
	if errors.As(err, &damage) && damage.Kind == tree.KindMissing {
		return o, fmt.Errorf("object %s: %w", id, tree.ErrNotFound)
	}
	return o, err
}

// inspect decodes as much of an object as it can.
func inspect(ctx context.Context, t *tree.Tree, o tree.Object) (objectJSON, error) {
	j := objectJSON{Blob: o.Blob, Size: o.Size, MD5: fmt.Sprintf("%x", o.MD5), ID: o.ID.String(),
		Version: o.Version, Snapshot: fmt.Sprintf("%08X", o.Snapshot)}
	if o.Form == 2 {
		j.Type, j.OwnerHash = o.Type.String(), fmt.Sprintf("%016X", o.OwnerHash)
	}
	err := j.decode(ctx, t, o)
	if err != nil {
		j.Error = err.Error()
	}
	return j, err
}

func (j *objectJSON) decode(ctx context.Context, t *tree.Tree, o tree.Object) error {
	data, err := t.Bytes(ctx, o)
	if err != nil {
		return err
	}
	payload, method, err := compression.Unpack(data, tree.MaxPayload)
	if err != nil {
		return tree.BadObject(err, o.Blob)
	}
	j.Compression, j.Payload = method.String(), len(payload)
	records, err := object.ParseRecords(payload)
	if err != nil {
		return tree.BadObject(err, o.Blob)
	}
	for _, r := range records {
		j.Records = append(j.Records, recordJSON{uint32(r.Type), r.Type.String(), len(r.Body)})
	}
	if j.Content, err = objectContent(o, payload); err != nil {
		return tree.BadObject(err, o.Blob)
	}
	return tree.CheckObject(o, payload)
}

func printObject(w io.Writer, j objectJSON) error {
	fmt.Fprintf(w, "blob         %s\n", j.Blob)
	fmt.Fprintf(w, "id           %s\n", j.ID)
	if j.Type != "" {
		fmt.Fprintf(w, "type         %s, owner's hash %s\n", j.Type, j.OwnerHash)
	}
	fmt.Fprintf(w, "version      %d, snapshot %s\n", j.Version, j.Snapshot)
	fmt.Fprintf(w, "size         %d bytes, compression %s, payload %d bytes\n", j.Size, j.Compression, j.Payload)
	if j.MD5 != "" {
		fmt.Fprintf(w, "MD5          %s\n", j.MD5)
	}
	for _, r := range j.Records {
		fmt.Fprintf(w, "record       %-8s %d bytes\n", r.Name, r.Length)
	}
	if j.Content == nil {
		return nil
	}
	text, err := json.MarshalIndent(j.Content, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "content      %s\n", text)
	return err
}
