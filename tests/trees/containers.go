package trees

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
)

// ForeignBlob adds an object that only a cache has.
func ForeignBlob(t *testing.T, container string, id clfs.ID) {
	t.Helper()
	name := clfs.ObjectName(id, id, clfs.TypeSpecial, clfs.FirstVersion)
	harness.Must(t, os.WriteFile(filepath.Join(container, name), []byte{0, 0, 0, 0}, 0o644))
}

// IsContents tells whether a blob is a data segment.
func IsContents(name string) bool {
	n, err := clfs.ParseName(name)
	return err == nil && n.Type == clfs.TypeSegment
}

// IsListed asks a load that runs whether it has listed all of its source.
func IsListed(t *testing.T, state string) bool {
	t.Helper()
	res := harness.Clfsload(t, "status", "--json", state)
	var status struct{ Running, Listed bool }
	return json.Unmarshal([]byte(res.Stdout), &status) == nil && status.Running && status.Listed
}

// ExceptBucket is all that a load puts after it has begun.
func ExceptBucket(name string) bool {
	return !strings.HasPrefix(name, BucketPrefix)
}

const (
	BucketPrefix = "00000063_"
	RootPrefix   = "0000006457871C6B_"
)

// BucketBlob is the blob that a load leases, docs/clfs-format.md section 6.
var BucketBlob = clfs.ObjectName(clfs.BucketID, clfs.BucketID, clfs.TypeSpecial, clfs.FirstVersion)

// passing are the problems of a container that an upload or a publication has not
// ended in, which keep nobody from reading it. In the middle of a publication what was
// moved may be in two directories, or in the old one while its inode tells of the new,
// and directories that have changed places one above the other may be in a circle.
var passing = []string{"nothing reaches this blob", "is reached twice", "its back pointers are", "in its first directory",
	"name in the inode is", "blob name is", `entry ".." of`, "have one sequence number", "leads back to a directory above it"}

// Readable reads what the root of a container reaches while nobody works on it, also in
// the middle of a publication. Of an object with several versions the newest counts.
func Readable(t *testing.T, blobs inventory.Blobs) inventory.Tree {
	t.Helper()
	if !slices.ContainsFunc(blobs.Names, func(name string) bool { return strings.HasPrefix(name, RootPrefix) }) {
		return nil // nothing was published yet
	}
	blobs = newestOf(blobs)
	contents := inventory.OfContainer(blobs)
	var problems []string
	for _, problem := range contents.Problems {
		if !containsAny(problem, passing) {
			problems = append(problems, problem)
		}
	}
	ReportLines(t, "what is published cannot be read", problems)
	return contents.Tree
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// newestOf leaves the blob of the highest version of each object.
func newestOf(blobs inventory.Blobs) inventory.Blobs {
	newest := map[clfs.ID]clfs.Name{}
	var names []string
	for _, text := range blobs.Names {
		name, err := clfs.ParseName(text)
		if err != nil {
			names = append(names, text)
			continue
		}
		if old, found := newest[name.ID]; !found || old.Version < name.Version {
			newest[name.ID] = name
		}
	}
	for _, name := range newest {
		names = append(names, name.String())
	}
	return inventory.Blobs{Names: names, Get: blobs.Get, Lived: true}
}

// Lived is a container that a mount has written.
func Lived(blobs inventory.Blobs) inventory.Blobs {
	blobs.Lived = true
	return blobs
}

// Unpacked writes blobs to a directory, and returns it as a target.
func Unpacked(t *testing.T, blobs inventory.Blobs) (target string) {
	t.Helper()
	directory := t.TempDir()
	for _, name := range blobs.Names {
		data, err := blobs.Get(name)
		harness.Must(t, err)
		harness.Must(t, os.WriteFile(filepath.Join(directory, name), data, 0o600))
	}
	return "dir:" + directory
}

// EditBucket changes the bucket object of a container as another program would.
func EditBucket(t *testing.T, container string, edit func(*object.Bucket)) {
	t.Helper()
	path := filepath.Join(container, clfs.ObjectName(clfs.BucketID, clfs.BucketID, clfs.TypeSpecial, clfs.FirstVersion))
	data, err := os.ReadFile(path)
	harness.Must(t, err)
	payload, _, err := compression.Unpack(data, 1<<20)
	harness.Must(t, err)
	b, err := object.DecodeBucket(payload)
	harness.Must(t, err)
	edit(&b)
	harness.Must(t, os.WriteFile(path, compression.Pack(nil, b.Append(nil), compression.None), 0o600))
}
