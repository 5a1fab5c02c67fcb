package adopt

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
)

// ErrCacheState: the container has objects that only a cache writes.
var ErrCacheState = errors.New("a cache may use the container")

// Found describes a container that can be adopted.
type Found struct {
	Bucket object.Bucket
	Root   *tree.Node
}

// Inspect reads the objects that every finished container has. Errors: tree.ErrNoContainer,
// tree.ErrUnfinished, tree.ErrDamaged (also for an encrypted container or a newer format),
// ErrCacheState unless detached is set, and those of requests.
func Inspect(ctx context.Context, t *tree.Tree, detached bool) (Found, error) {
	bucket, _, err := t.Bucket(ctx)
	if err != nil {
		return Found{}, fmt.Errorf("adopt %s: %w", t.Container(), err)
	}
	root, err := t.Root(ctx)
	if errors.Is(err, tree.ErrUnfinished) {
		err = errors.Join(err, unfinishedBy(ctx, t.Container(), bucket))
	}
	if err == nil && !root.IsDir() {
		err = &tree.Damage{Kind: tree.KindType, Object: root.Blob, Reason: "the root is a " + root.Type().String()}
	}
	if err == nil && !detached {
		err = findCacheState(ctx, t)
	}
	if err != nil {
		return Found{}, fmt.Errorf("adopt %s: %w", t.Container(), err)
	}
	return Found{bucket, root}, nil
}

// temporaryPrefix begins the root's name while CLFSLoad works on a container.
const temporaryPrefix = "tmp"

// unfinishedBy names the program that has not finished a container, if that is recorded.
func unfinishedBy(ctx context.Context, c blob.Container, b object.Bucket) error {
	for info, err := range blob.All(ctx, c, temporaryPrefix+clfs.NamePrefix(clfs.RootID)) {
		if err != nil {
			return err
		}
		return fmt.Errorf("%s: CLFSLoad has not finished its transfer: the root still has its temporary name", strings.TrimSpace(info.Name))
	}
	if m := b.Mark; m != nil && m.Open != "" {
		return fmt.Errorf("the %s with STATE %s has not published yet: resume with that STATE", m.Open, m.State)
	}
	return nil
}

func findCacheState(ctx context.Context, t *tree.Tree) error {
	name, err := t.CacheObject(ctx)
	if err == nil && name != "" {
		err = fmt.Errorf("%w: it has an object that only a cache makes (%s)", ErrCacheState, name)
	}
	return err
}

// Settings returns the settings of a journal that adopts a container. The caller adds those of the
// journal alone (key, target, compression).
func (f Found) Settings(own state.Settings) (state.Settings, error) {
	a := f.Root.Inode.Attr
	own.Adopted = true
	own.ContainerID, own.FSID = uint32(a.ContainerID), uint32(a.FSID)
	own.RootName, own.BucketUUID = string(f.Root.Inode.Name), f.Bucket.UUID
	own.Range = 1
	if f.Bucket.Mark != nil {
		own.Range = max(f.Bucket.Mark.Range, 1)
	}
	if own.Range >= state.Ranges {
		return own, fmt.Errorf("all ranges of inode numbers are in use: %d journals have adopted the container", own.Range)
	}
	return own, nil
}

// Adoption returns the starting point of the journal.
func (f Found) Adoption() state.Adoption {
	a := state.Adoption{Root: adopted(f.Root)}
	if m := f.Bucket.Mark; m != nil {
		a.Publication, a.MarkID = m.Publication, m.ID
	}
	return a
}
