package tests

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
	"clfsload/tests/inventory"
)

// foreignBlob adds an object that only a cache has.
func foreignBlob(t *testing.T, container string, id clfs.ID) {
	t.Helper()
	name := clfs.ObjectName(id, id, clfs.TypeSpecial, clfs.FirstVersion)
	must(t, os.WriteFile(filepath.Join(container, name), []byte{0, 0, 0, 0}, 0o644))
}

// isContents tells whether a blob is a data segment.
func isContents(name string) bool {
	n, err := clfs.ParseName(name)
	return err == nil && n.Type == clfs.TypeSegment
}

// isListed asks a load that runs whether it has listed all of its source.
func isListed(t *testing.T, state string) bool {
	t.Helper()
	res := clfsload(t, "status", "--json", state)
	var status struct{ Running, Listed bool }
	return json.Unmarshal([]byte(res.stdout), &status) == nil && status.Running && status.Listed
}

// exceptBucket is all that a load puts after it has begun.
func exceptBucket(name string) bool {
	return !strings.HasPrefix(name, bucketPrefix)
}

const (
	bucketPrefix = "00000063_"
	rootPrefix   = "0000006457871C6B_"
)

// bucketBlob is the blob that a load leases, docs/clfs-format.md section 6.
var bucketBlob = clfs.ObjectName(clfs.BucketID, clfs.BucketID, clfs.TypeSpecial, clfs.FirstVersion)

// passing are the problems of a container that an upload or a publication has not
// ended in, which keep nobody from reading it. In the middle of a publication what was
// moved may be in two directories, or in the old one while its inode tells of the new,
// and directories that have changed places one above the other may be in a circle.
var passing = []string{"nothing reaches this blob", "is reached twice", "its back pointers are", "in its first directory",
	"name in the inode is", "blob name is", `entry ".." of`, "have one sequence number", "leads back to a directory above it"}

// readable reads what the root of a container reaches while nobody works on it, also in
// the middle of a publication. Of an object with several versions the newest counts.
func readable(t *testing.T, blobs inventory.Blobs) inventory.Tree {
	t.Helper()
	if !slices.ContainsFunc(blobs.Names, func(name string) bool { return strings.HasPrefix(name, rootPrefix) }) {
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
	reportLines(t, "what is published cannot be read", problems)
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

// lived is a container that a mount has written.
func lived(blobs inventory.Blobs) inventory.Blobs {
	blobs.Lived = true
	return blobs
}

// unpacked writes blobs to a directory, and returns it as a target.
func unpacked(t *testing.T, blobs inventory.Blobs) (target string) {
	t.Helper()
	directory := t.TempDir()
	for _, name := range blobs.Names {
		data, err := blobs.Get(name)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(directory, name), data, 0o600))
	}
	return "dir:" + directory
}

// editBucket changes the bucket object of a container as another program would.
func editBucket(t *testing.T, container string, edit func(*object.Bucket)) {
	t.Helper()
	path := filepath.Join(container, clfs.ObjectName(clfs.BucketID, clfs.BucketID, clfs.TypeSpecial, clfs.FirstVersion))
	data, err := os.ReadFile(path)
	must(t, err)
	payload, _, err := compression.Unpack(data, 1<<20)
	must(t, err)
	b, err := object.DecodeBucket(payload)
	must(t, err)
	edit(&b)
	must(t, os.WriteFile(path, compression.Pack(nil, b.Append(nil), compression.None), 0o600))
}
