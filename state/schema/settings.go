package schema

import (
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/state/journal"
)

// Kind says what fills a journal.
type Kind string

const (
	KindLoad  Kind = "load"  // a scan of a source tree
	KindMount Kind = "mount" // a mounted file system
)

// Settings are fixed when a journal is made, but for those of the load that goes into its
// namespace (see BeginLoad) and Kind. What is in the container depends on all of them.
type Settings struct {
	Kind              Kind   // empty is KindLoad
	Source            string // absolute path of the tree that is loaded
	Target            string // the container, without any credential
	Compression       compression.Method
	PreserveHardlinks bool
	DirMgrCount       int      // 1..255
	Include           []string // patterns of the entries that are taken; none is empty or holds a NUL
	Exclude           []string // likewise, of those that are left out
	ContainerID       uint32
	FSID              uint32
	RootName          string // NAME of the root, docs/clfs-format.md section 3
	BucketUUID        string
	Range             uint32 // of the numbers of inodes that the journal makes; see Numbers
	Adopted           bool   // the container was there before the journal
	MassUUID          string
	WipeUUID          string
	Key               clfs.Key // block ids and handles are derived from it
	Merge             Merge
}

// SourcePath is the path below the source of what has a path in the namespace, below the
// directory that the source becomes.
func (s *Settings) SourcePath(path string) string {
	below := strings.Trim(s.Merge.Into, "/")
	if path == below {
		return ""
	}
	if below != "" {
		below += "/"
	}
	return strings.TrimPrefix(path, below)
}

// Pairs lists the settings as they are stored.
func (s Settings) Pairs() map[string]string {
	return map[string]string{
		"kind":               string(s.Kind),
		"source":             s.Source,
		"target":             s.Target,
		"compression":        strconv.Itoa(int(s.Compression)),
		"preserve_hardlinks": strconv.FormatBool(s.PreserveHardlinks),
		"dirmgr_count":       strconv.Itoa(s.DirMgrCount),
		"include":            joinPatterns(s.Include),
		"exclude":            joinPatterns(s.Exclude),
		"container_id":       strconv.FormatUint(uint64(s.ContainerID), 10),
		"fsid":               strconv.FormatUint(uint64(s.FSID), 10),
		"root_name":          s.RootName,
		"bucket_uuid":        s.BucketUUID,
		"range":              strconv.FormatUint(uint64(s.Range), 10),
		"adopted":            strconv.FormatBool(s.Adopted),
		"mass_uuid":          s.MassUUID,
		"wipe_uuid":          s.WipeUUID,
		"key":                hex.EncodeToString(s.Key[:]),
		"into":               s.Merge.Into,
		"update":             strconv.FormatBool(s.Merge.Update),
		"delete":             strconv.FormatBool(s.Merge.Delete),
		"compare":            strconv.Itoa(int(s.Merge.Compare)),
		"first":              strconv.FormatUint(uint64(s.Merge.First), 10),
	}
}

// joinPatterns makes a list one value. Arguments of a process cannot hold a NUL.
func joinPatterns(list []string) string { return strings.Join(list, "\x00") }

func splitPatterns(value string) []string {
	if value == "" {
		return nil
	}
	return strings.Split(value, "\x00")
}

func WriteSettings(tx *sql.Tx, s Settings) error {
	for name, value := range s.Pairs() {
		if _, err := tx.Exec(`INSERT INTO setting VALUES (?, ?)`, name, value); err != nil {
			return fmt.Errorf("write setting %s: %w", name, err)
		}
	}
	return nil
}

func ReadSettings(db *sql.DB) (Settings, error) {
	rows, err := db.Query(`SELECT name, value FROM setting`)
	pairs, err := ScanAll(rows, err, func(row Scanner) (p [2]string, err error) {
		err = row.Scan(&p[0], &p[1])
		return p, err
	})
	if err != nil {
		return Settings{}, fmt.Errorf("read settings: %w", err)
	}
	values := map[string]string{}
	for _, p := range pairs {
		values[p[0]] = p[1]
	}
	return parseSettings(values)
}

func parseSettings(values map[string]string) (Settings, error) {
	var firstErr error
	number := func(name string, bits int) uint64 {
		n, err := strconv.ParseUint(values[name], 10, bits)
		if err != nil && firstErr == nil {
			firstErr = fmt.Errorf("%w: setting %s is %q", journal.ErrDamaged, name, values[name])
		}
		return n
	}
	s := Settings{
		Kind:              Kind(values["kind"]),
		Source:            values["source"],
		Target:            values["target"],
		Compression:       compression.Method(number("compression", 32)),
		PreserveHardlinks: values["preserve_hardlinks"] == "true",
		DirMgrCount:       int(number("dirmgr_count", 32)),
		Include:           splitPatterns(values["include"]),
		Exclude:           splitPatterns(values["exclude"]),
		ContainerID:       uint32(number("container_id", 32)),
		FSID:              uint32(number("fsid", 32)),
		RootName:          values["root_name"],
		BucketUUID:        values["bucket_uuid"],
		Range:             uint32(number("range", 32)),
		Adopted:           values["adopted"] == "true",
		MassUUID:          values["mass_uuid"],
		WipeUUID:          values["wipe_uuid"],
		Merge: Merge{Into: values["into"], Update: values["update"] == "true", Delete: values["delete"] == "true",
			Compare: Comparison(number("compare", 32)), First: Ino(number("first", 64))},
	}
	key, err := hex.DecodeString(values["key"])
	if err != nil || len(key) != len(s.Key) {
		return Settings{}, fmt.Errorf("%w: setting key has not %d bytes", journal.ErrDamaged, len(s.Key))
	}
	copy(s.Key[:], key)
	return s, firstErr
}

// Merge says how a load goes into a namespace that was there before. Its zero value is that of
// a load that began with an empty container.
type Merge struct {
	Into    string // the directory that the source becomes, as a path from "/"; "": none
	Update  bool   // what differs from the source is replaced; otherwise it fails
	Delete  bool   // what the source does not have is removed
	Compare Comparison
	First   Ino // inodes that the load has made have this number or a higher one
}

// TakesTimes reports whether directories that were there before get the times of the source.
func (m *Merge) TakesTimes() bool { return m.Update && m.Compare != CompareNames }

// Comparison says which entries of a namespace pass for those of a source.
type Comparison int

const (
	CompareTimes    Comparison = iota // files by size and time of modification
	CompareSizes                      // files by size
	CompareContents                   // files by contents
	CompareNames                      // all by name
)
