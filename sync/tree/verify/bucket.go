package verify

import (
	"bytes"
	"context"
	"errors"
	"math"
	"regexp"

	"clfsload/clfs"
	"clfsload/sync/tree"
)

var uuidText = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// bucket checks the bucket object and looks for the logs that it names.
func (c *checker) bucket(ctx context.Context) error {
	b, o, err := c.t.Bucket(ctx)
	if errors.Is(err, tree.ErrNoContainer) {
		c.damage(KindNoBucket, "", clfs.BucketID.String(), "%s", tree.ErrNoContainer)
		return nil
	}
	c.reached.Set(o.Number)
	if err != nil {
		return c.reading("", err)
	}
	c.mark = b.Mark
	c.openMark(o)
	c.origin.clfsLoad = b.FinishedByCLFSLoad()
	if !uuidText.MatchString(b.UUID) {
		c.damage(KindBucket, "", o.Blob, "bucketUUID is %q", b.UUID)
	}
	if o.Version != clfs.FirstVersion {
		c.damage(KindBucket, "", o.Blob, "the bucket object has version %d, must have %d", o.Version, clfs.FirstVersion)
	}
	payload, err := c.t.Payload(ctx, o)
	if err != nil {
		return c.reading("", err)
	}
	if len(b.Unknown)+len(b.Others) == 0 && !bytes.Equal(b.Append(nil), payload) {
		c.damage(KindBucket, "", o.Blob, "the attributes are not in their order")
	}
	for _, name := range b.Logs {
		if err := c.log(o, name); err != nil {
			return err
		}
	}
	return nil
}

// openMark remarks that a STATE is not finished with the container: its contents may be incomplete.
func (c *checker) openMark(bucket tree.Object) {
	if m := c.mark; c.isOpen() {
		c.remark(KindOpen, "", bucket.Blob, "the container is open: the %s of STATE %s has not ended, its publication %d may be in progress or cut off", m.Open, m.State, m.Publication)
	}
}

// log marks the blob of a log.
func (c *checker) log(bucket tree.Object, name string) error {
	number, found, err := c.index.Number(name)
	if err != nil {
		return err
	}
	if !found {
		c.remark(KindLogMissing, "", bucket.Blob, "the bucket object names the log %q, which is missing", name)
		return nil
	}
	c.reached.Set(number)
	return nil
}

// rootAttributes checks the attributes that only the root has. A cache may have added more.
func (c *checker) rootAttributes(root *tree.Node) {
	values := map[string]string{}
	for _, a := range root.Inode.ExtAttrs {
		values[a.Key] = a.Value
	}
	if values["containeridEpoch"] != "2" || !uuidText.MatchString(values["massUUID"]) || !uuidText.MatchString(values["wipeEpoch"]) {
		c.damage(KindRoot, "/", root.Blob, "extended attributes %q", root.Inode.ExtAttrs)
	}
	if id := c.root.ContainerID; id == 0 || id > math.MaxUint32 {
		c.damage(KindAttributes, "/", root.Blob, "containerid %#x", id)
	}
	if id := c.root.FSID; id == 0 || id > math.MaxUint32 {
		c.damage(KindAttributes, "/", root.Blob, "fsid %#x", id)
	}
}
