package verify

import (
	"errors"
	"fmt"
	"maps"
	"sync"

	"clfsload/clfs"
	"clfsload/sync/tree"
)

// The kinds of findings in addition to those of package tree.
const (
	KindBlobName    tree.Kind = "blob-name"          // a name that is nearly an object's
	KindForeign     tree.Kind = "foreign-blob"       // a blob that is neither an object nor a log
	KindStale       tree.Kind = "stale-version"      // an older version of an object
	KindOrphan      tree.Kind = "orphan"             // nothing leads to an object
	KindUnpublished tree.Kind = "unpublished"        // nothing leads to an object yet, as its STATE has not published it
	KindNoBucket    tree.Kind = "no-bucket"          // there is no bucket object
	KindBucket      tree.Kind = "bucket-object"      // the bucket object is wrong
	KindOpen        tree.Kind = "open"               // a STATE is not finished with the container
	KindNoRoot      tree.Kind = "no-root"            // there is no root directory
	KindRoot        tree.Kind = "root-attributes"    // the root's extended attributes are wrong
	KindLogMissing  tree.Kind = "log-missing"        // the bucket object names a missing log
	KindNameRecord  tree.Kind = "name-record"        // the inode's name is not that of its entry
	KindRecordOrder tree.Kind = "record-order"       // records are not in the required order
	KindDirectory   tree.Kind = "directory-segments" // entries are not packed as required
	KindSymlinkSize tree.Kind = "symlink-size"       // a link's size is in characters, as CLFSLoad had it
	KindSegmentTime tree.Kind = "segment-ctime"      // a block has another ctime than its inode
	KindSharedBlock tree.Kind = "shared-block"       // a block is at two places
	KindService     tree.Kind = "service-object"     // state of the service, left alone
	KindSnapshot    tree.Kind = "snapshot"           // an object of another snapshot than the live one
	KindTombstone   tree.Kind = "tombstone"          // the service's mark for a deleted object
	KindSource      tree.Kind = "source"             // the container and the source differ
	KindSourceTime  tree.Kind = "source-time"        // a time is less than a microsecond off the source's
)

// Kinds that readers report, too.
const (
	KindType        = tree.KindType
	KindOwner       = tree.KindOwner
	KindHandle      = tree.KindHandle
	KindAttributes  = tree.KindAttributes
	KindLinkCount   = tree.KindLinkCount
	KindBackPointer = tree.KindBackPointer
	KindSize        = tree.KindSize
	KindDots        = tree.KindDots
	KindDuplicate   = tree.KindDuplicate
)

// Severity distinguishes damage from harmless findings.
type Severity string

// The severities.
const (
	Damage Severity = "damage"
	Remark Severity = "remark"
)

// A Finding is a deviation from the work of a loader.
type Finding struct {
	Severity Severity  `json:"severity"`
	Kind     tree.Kind `json:"kind"`
	Path     string    `json:"path,omitempty"`   // in the container; not always known
	Object   string    `json:"object,omitempty"` // the blob's name, or an id
	Detail   string    `json:"detail"`
}

// String is the finding on one line.
func (f Finding) String() string {
	text := string(f.Kind) + ": "
	if f.Path != "" {
		text += fmt.Sprintf("%q: ", f.Path)
	}
	if f.Object != "" {
		text += f.Object + ": "
	}
	return text + f.Detail
}

// A Report is the outcome of a verification.
type Report struct {
	Blobs   int64               `json:"blobs"`
	Bytes   int64               `json:"bytes"`   // of all blobs
	Objects map[string]int64    `json:"objects"` // inodes that the root leads to, by type
	Damage  map[tree.Kind]int64 `json:"damage"`
	Remarks map[tree.Kind]int64 `json:"remarks"`
	Passed  tree.PassedOver     `json:"passed_over"`
	Checked int64               `json:"md5_checked"` // blobs compared with their stored MD5
}

// Sound reports whether no damage was found.
func (r Report) Sound() bool { return len(r.Damage) == 0 }

// reporter counts findings and passes them on, one at a time.
type reporter struct {
	mu     sync.Mutex
	report Report
	found  func(Finding)
}

func newReporter(found func(Finding)) *reporter {
	return &reporter{found: found, report: Report{Objects: map[string]int64{},
		Damage: map[tree.Kind]int64{}, Remarks: map[tree.Kind]int64{}}}
}

func (r *reporter) add(f Finding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := r.report.Damage
	if f.Severity == Remark {
		counts = r.report.Remarks
	}
	counts[f.Kind]++
	if r.found != nil {
		r.found(f)
	}
}

func (r *reporter) damage(kind tree.Kind, path, object, format string, args ...any) {
	r.find(Damage, kind, path, object, format, args...)
}

func (r *reporter) find(s Severity, kind tree.Kind, path, object, format string, args ...any) {
	r.add(Finding{s, kind, path, object, fmt.Sprintf(format, args...)})
}

func (r *reporter) remark(kind tree.Kind, path, object, format string, args ...any) {
	r.find(Remark, kind, path, object, format, args...)
}

// count counts an inode that was reached.
func (r *reporter) count(t clfs.Type) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Objects[t.String()]++
}

func (r *reporter) snapshot() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := r.report
	report.Objects, report.Damage, report.Remarks = maps.Clone(report.Objects), maps.Clone(report.Damage), maps.Clone(report.Remarks)
	return report
}

// reading reports an error of reading: damage as a finding, any other error, such as a lost
// connection, as the error that ends the run.
func (r *reporter) reading(path string, err error) error {
	for _, e := range flatten(err) {
		var d *tree.Damage
		if !errors.As(e, &d) {
			return e
		}
		detail := d.Reason
		if detail == "" {
			detail = d.Error()
		}
		r.find(severityIf(d.Moving), d.Kind, path, d.Object, "%s", detail)
	}
	return nil
}

// flatten splits the result of errors.Join.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
