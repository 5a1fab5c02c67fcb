package main

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"clfsload/cmd/clfsload/flags"
	"clfsload/sync/blob"
	"clfsload/sync/outcome"
	"clfsload/sync/target"
	"clfsload/sync/tree"
)

// readFlags are the flags of every command that reads a container.
type readFlags struct {
	target      target.Sources
	concurrency int
	memory      flags.Size
	tempDir     string

	// wrap decorates the container; nil: no decoration.
	wrap func(blob.Container) blob.Container
}

func newReadFlags() readFlags { return readFlags{concurrency: 64, memory: 192 << 20} }

func (f *readFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.IntVar(&f.concurrency, "concurrency", f.concurrency, "requests in flight")
	fl.Var(&f.memory, "memory", "bytes of file contents held at a time")
	fl.StringVar(&f.tempDir, "temp-dir", "", "directory for temporary databases (default: $TMPDIR or /tmp)")
	flags.RegisterTarget(fl, &f.target)
	cmd.Annotations = map[string]string{readerMark: ""}
}

// readerMark is the annotation of commands that read containers.
const readerMark = "reads"

// readerError adapts an error to a command that reads a container: a missing object is named
// together with the command, and the hint does not ask for write permission.
func readerError(cmd *cobra.Command, err error) error {
	writable := cmd.Flags().Lookup("read-only")
	if _, reads := cmd.Annotations[readerMark]; !reads || writable != nil && writable.Value.String() == "false" || errors.As(err, new(*outcome.Error)) {
		return err
	}
	switch {
	case errors.Is(err, tree.ErrNotFound), errors.Is(err, tree.ErrNotDirectory):
		return fmt.Errorf("%s %w", cmd.Name(), err)
	case errors.Is(err, blob.ErrPermission):
		return outcome.New(outcome.Permission, err, "the account, key or SAS needs the permissions read and list on the container")
	}
	return err
}

// smallestMemory suffices for at least one segment.
const smallestMemory = 32 << 20

// newTree opens the container of a command without reading from it.
func (f *readFlags) newTree(cmd *cobra.Command, container string) (*tree.Tree, error) {
	switch {
	case f.concurrency < 1 || f.concurrency > 4096:
		return nil, usageError(cmd, flags.OutOfRange("--concurrency", f.concurrency, 1, 4096))
	case f.memory < smallestMemory:
		return nil, usageError(cmd, flags.TooLittleMemory(f.memory, smallestMemory))
	}
	if err := f.fitOpenFiles(); err != nil {
		return nil, err
	}
	debug.SetMemoryLimit(int64(f.memory) + 64<<20)
	c, err := target.OpenExisting(cmd.Context(), container, f.target, f.concurrency)
	if err != nil {
		return nil, outcome.OfContext(cmd.Context(), err)
	}
	if f.wrap != nil {
		c = f.wrap(c)
	}
	return tree.New(c, tree.Options{Requests: f.concurrency, Memory: int64(f.memory), TempDir: f.tempDir,
		ListInParts: !isDirectory(container)}), nil
}

// isDirectory reports whether a target is a directory on disk.
func isDirectory(target string) bool { return strings.HasPrefix(target, "dir:") }

// scope is the part of a container that a command will read.
type scope int

const (
	aPath      scope = iota // one file or the names in one directory
	aDirectory              // the inodes in one directory
	aTree                   // everything below a path
)

// openTree opens a container that must be a complete CLFS container. If the command reads the whole
// container, it is listed first. For a container on disk this holds for any scope larger than a
// path, because there each search for an object reads the whole directory.
func (f *readFlags) openTree(cmd *cobra.Command, target, path string, s scope) (*tree.Tree, error) {
	t, err := f.newTree(cmd, target)
	if err != nil {
		return nil, err
	}
	ctx := cmd.Context()
	onDisk := s > aPath && isDirectory(target)
	if onDisk || s == aTree && strings.Trim(path, "/") == "" {
		if _, err := t.BuildIndex(ctx); err != nil {
			return nil, outcome.OfContext(ctx, err)
		}
	}
	if err := t.Check(ctx); err != nil {
		_ = t.Close()
		return nil, outcome.OfContext(ctx, err)
	}
	return t, nil
}

// containerPath converts a path on the command line to the form used in messages.
func containerPath(path string) string {
	return "/" + strings.Trim(path, "/")
}
