package verify

import (
	"context"
	"regexp"
	"strings"

	"clfsload/clfs"
	"clfsload/sync/tree"
)

// nearlyObject matches names that were evidently meant as an object's.
var nearlyObject = regexp.MustCompile(`^([0-9A-Fa-f]{8}|[0-9A-Fa-f]{16})_[0-9A-Fa-f]+\.`)

// names checks the name of every blob. The blobs that it marks cannot be orphans. All versions of
// an object are neighbors in the listing.
func (c *checker) names(ctx context.Context) error {
	var versions []versioned
	err := c.index.Each(ctx, func(e tree.Entry) error {
		c.reporter.report.Bytes += e.Size
		n, ok := c.name(e)
		if !ok {
			return nil
		}
		if len(versions) > 0 && versions[0].name.ID != n.ID {
			c.stale(versions)
			versions = versions[:0]
		}
		versions = append(versions, versioned{n, e})
		return nil
	})
	c.stale(versions)
	return err
}

// versioned is a blob that holds some version of an object.
type versioned struct {
	name  clfs.Name
	entry tree.Entry
}

// name checks one name and reports whether it is that of an object of the live
// file system.
func (c *checker) name(e tree.Entry) (clfs.Name, bool) {
	n, err := clfs.ParseName(e.Name)
	switch {
	case err != nil && nearlyObject.MatchString(e.Name):
		c.reached.Set(e.Number)
		c.damage(KindBlobName, "", e.Name, "%s", err)
	case err != nil:
		return n, false // a log or a stranger: see bucket and orphans
	case !strings.HasPrefix(e.Name, clfs.NamePrefix(n.ID)):
		c.reached.Set(e.Number)
		c.damage(KindBlobName, "", e.Name, "the name has form %d, which is not that of this id", n.Form)
	case n.Snapshot != clfs.LiveSnapshot:
		c.pass(e, KindSnapshot, "an object of snapshot %08X", n.Snapshot)
	case n.Type == clfs.TypeTombstone:
		c.pass(e, KindTombstone, "a tombstone")
	case isService(n):
		c.pass(e, KindService, "an object of the service")
	default:
		return n, true
	}
	return n, false
}

// pass marks a blob that readers skip.
func (c *checker) pass(e tree.Entry, kind tree.Kind, format string, args ...any) {
	c.reached.Set(e.Number)
	c.remark(kind, "", e.Name, format+", skipped", args...)
}

// isService reports whether an object is unknown to loaders.
func isService(n clfs.Name) bool {
	switch n.ID {
	case clfs.SpaceTrackerID, clfs.OrphanParentID, clfs.SnapshotDBID:
		return true
	case clfs.BucketID:
		return false
	}
	return !n.Type.IsInode() && n.Type != clfs.TypeSegment && n.Type != clfs.TypeIndirect
}

// stale reports all versions of an object except the live one, which is the highest.
func (c *checker) stale(versions []versioned) {
	live := 0
	for i, v := range versions {
		if v.name.Version > versions[live].name.Version {
			live = i
		}
	}
	for i, v := range versions {
		if i != live {
			c.reached.Set(v.entry.Number)
			c.find(severityIf(c.isOpen()), KindStale, "", v.entry.Name, "a version of the object that is not the live one, %s", versions[live].entry.Name)
		}
	}
}
