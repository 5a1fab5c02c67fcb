package object

// The bucket object says what the container is (docs/clfs-format.md section 6).
// Its only record is EXTATTRS, with these entries in this order:
//
//	bucketCurrentNameVersion 2 | bucketNameVersion 2 | bucketObjVersion 2 |
//	bucketUUID a UUID | logfile001 a blob's name | logfile002 ... |
//	the mark of clfsload, see [Mark]
//
// Without logs and mark: 20 + 4 + (28 + 1 + 4) + (21 + 1 + 4) + (20 + 1 + 4) + (14 + 36
// + 4) and padding = 168 bytes.

import (
	"fmt"
	"regexp"
	"slices"

	"clfsload/clfs"
)

const (
	bucketFormat    = "2"
	bucketUUIDKey   = "bucketUUID"
	logfileKeyStart = "logfile"
)

var bucketFormatKeys = [...]string{"bucketCurrentNameVersion", "bucketNameVersion", "bucketObjVersion"}

// A Bucket is the decoded bucket object.
type Bucket struct {
	UUID    string    // lower case with hyphens
	Logs    []string  // names of the log blobs, in order
	Mark    *Mark     // nil: nobody knows which publication the container holds
	Others  []ExtAttr // what this package has no field for, carried over
	Unknown []Record  // likewise
}

// Append appends the bucket object's payload.
func (b Bucket) Append(dst []byte) []byte {
	var attrs []ExtAttr
	for _, key := range bucketFormatKeys {
		attrs = append(attrs, ExtAttr{key, bucketFormat})
	}
	attrs = append(attrs, ExtAttr{bucketUUIDKey, b.UUID})
	for i, name := range b.Logs {
		attrs = append(attrs, ExtAttr{logfileKey(i), name})
	}
	attrs = append(attrs, b.Mark.attrs()...)
	dst, start := openRecord(dst, RecordExtAttrs)
	dst = closeRecord(appendExtAttrs(dst, append(attrs, b.Others...)), start)
	for _, r := range b.Unknown {
		dst = AppendRecord(dst, r.Type, r.Body)
	}
	return dst
}

func logfileKey(i int) string { return fmt.Sprintf("%s%03d", logfileKeyStart, i+1) }

// DecodeBucket decodes the bucket object's payload. It refuses a format
// version other than 2.
func DecodeBucket(payload []byte) (Bucket, error) {
	var b Bucket
	var attrs []ExtAttr
	_, err := decodeRecords(payload, func(r Record, c *cursor) bool {
		if r.Type != RecordExtAttrs {
			b.Unknown = append(b.Unknown, r)
			return false
		}
		attrs = c.extAttrs()
		return true
	})
	if err != nil {
		return Bucket{}, err
	}
	if err := b.sort(attrs); err != nil {
		return Bucket{}, clfs.FormatErrorf(0, "bucket object: %v", err)
	}
	return b, nil
}

// sort puts the attributes into their fields.
func (b *Bucket) sort(attrs []ExtAttr) error {
	values := make(map[string]string, len(bucketFormatKeys)+1)
	for _, a := range attrs {
		switch {
		case a.Key == bucketUUIDKey || isBucketFormatKey(a.Key):
			if _, twice := values[a.Key]; twice {
				return fmt.Errorf("two attributes %s", a.Key)
			}
			values[a.Key] = a.Value
		case a.Key == logfileKey(len(b.Logs)):
			b.Logs = append(b.Logs, a.Value)
		default:
			b.Others = append(b.Others, a)
		}
	}
	b.Mark, b.Others = takeMark(b.Others)
	for _, key := range bucketFormatKeys {
		if values[key] != bucketFormat {
			return fmt.Errorf("%s is %q, want %q", key, values[key], bucketFormat)
		}
	}
	if b.UUID = values[bucketUUIDKey]; b.UUID == "" {
		return fmt.Errorf("no %s", bucketUUIDKey)
	}
	return nil
}

func isBucketFormatKey(key string) bool {
	for _, k := range bucketFormatKeys {
		if k == key {
			return true
		}
	}
	return false
}

// clfsLoadLog matches the names that CLFSLoad gives to its logs: output.txt for the
// main process, output.process-transfer-0.txt for a worker of a phase.
var clfsLoadLog = regexp.MustCompile(`^output(\.process-[a-z]+-[0-9]+)?\.txt$`)

// FinishedByCLFSLoad reports whether CLFSLoad finished the transfer into this
// container: the bucket object names the log of its main process, and no log of
// another program.
func (b Bucket) FinishedByCLFSLoad() bool {
	other := func(name string) bool { return !clfsLoadLog.MatchString(name) }
	return slices.Contains(b.Logs, "output.txt") && !slices.ContainsFunc(b.Logs, other)
}
