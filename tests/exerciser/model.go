package exerciser

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// node is an inode as it should be.
type node struct {
	kind     uint32 // the type bits of st_mode
	mode     uint32 // the others
	uid, gid uint32
	rdev     uint64
	target   string           // of a symbolic link
	data     []byte           // of a regular file
	limit    int              // about the most bytes it may have
	children map[string]*node // of a directory
	places   []place          // its names; none of the root

	// What the file system chose, and has to keep.
	number       uint64
	mtime, ctime int64 // ns
	fresh        bool  // the times are to be taken as they are found
	loose        bool  // the times may be off a little: it was being written when the file system went
}

// place is where a node is found.
type place struct {
	dir  *node
	name string
}

// handle is an open file.
type handle struct {
	fd       int
	node     *node
	path     string // where it was opened
	writable bool
	appends  bool
}

func (n *node) isDir() bool     { return n.kind == unix.S_IFDIR }
func (n *node) isRegular() bool { return n.kind == unix.S_IFREG }

// links is st_nlink.
func (n *node) links() int {
	if !n.isDir() {
		return len(n.places)
	}
	links := 2
	for _, child := range n.children {
		if child.isDir() {
			links++
		}
	}
	return links
}

// size is st_size of what has one that is known.
func (n *node) size() int64 {
	if n.kind == unix.S_IFLNK {
		return int64(len(n.target))
	}
	return int64(len(n.data))
}

// within reports whether n is dir or below it.
func (n *node) within(dir *node) bool {
	for ; n != dir; n = n.places[0].dir {
		if len(n.places) == 0 {
			return false
		}
	}
	return true
}

func (n *node) depth() int {
	if len(n.places) == 0 {
		return 0
	}
	return n.places[0].dir.depth() + 1
}

// resize cuts or extends the contents.
func (n *node) resize(size int) {
	if size <= len(n.data) {
		clear(n.data[size:])
		n.data = n.data[:size]
		return
	}
	n.data = append(n.data, make([]byte, size-len(n.data))...)
}

// store writes into the contents.
func (n *node) store(at int, data []byte) {
	if at+len(data) > len(n.data) {
		n.resize(at + len(data))
	}
	copy(n.data[at:], data)
}

// path is the first name of a node.
func (e *Exerciser) path(n *node) string {
	if len(n.places) == 0 {
		return e.root
	}
	return e.pathOf(n.places[0])
}

func (e *Exerciser) pathOf(p place) string {
	return filepath.Join(e.path(p.dir), p.name)
}

// named is a node in a message: a path below the root of the Exerciser.
func (e *Exerciser) named(n *node) string {
	if len(n.places) == 0 && n != e.tree {
		return fmt.Sprintf("the removed file %d", n.number)
	}
	return e.brief(e.path(n))
}

// short is a place in a message.
func (e *Exerciser) short(p place) string { return e.brief(e.pathOf(p)) }

func (e *Exerciser) brief(path string) string {
	path = strings.TrimPrefix(path, e.root)
	return strconv.Quote(strings.ReplaceAll(path, strings.Repeat("n", 255), "n*255"))
}

// add gives a node a name.
func (e *Exerciser) add(p place, n *node) {
	if len(n.places) == 0 {
		e.nodes = append(e.nodes, n)
	}
	p.dir.children[p.name] = n
	n.places = append(n.places, p)
}

// take removes a name, and the node with its last one.
func (e *Exerciser) take(p place) *node {
	n := p.dir.children[p.name]
	delete(p.dir.children, p.name)
	n.places = slices.DeleteFunc(n.places, func(other place) bool { return other == p })
	if len(n.places) == 0 {
		e.nodes = slices.DeleteFunc(e.nodes, func(other *node) bool { return other == n })
	}
	return n
}

// names are few, so that they meet often, and some are awkward.
var names = []string{
	"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l",
	"Grüße", "two words", "new\nline", "\xff\xfe", "-rf", ".hidden", "back\\slash", "'quote\"", strings.Repeat("n", 255),
}

const deepest = 7

// some chooses a node that fits, or nil.
func (e *Exerciser) some(fits func(*node) bool) *node {
	var found []*node
	for _, n := range e.nodes {
		if fits(n) {
			found = append(found, n)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[e.random.IntN(len(found))]
}

func (e *Exerciser) someDir() *node {
	return e.some(func(n *node) bool { return n.isDir() && n.depth() < deepest })
}

// anywhere is a place that may be taken or not.
func (e *Exerciser) anywhere() place {
	return place{e.someDir(), names[e.random.IntN(len(names))]}
}

// somewhere is a place of a node that fits, mostly.
func (e *Exerciser) somewhere(fits func(*node) bool) place {
	n := e.some(func(n *node) bool { return len(n.places) > 0 && fits(n) })
	if n == nil || e.random.IntN(12) == 0 {
		return e.anywhere()
	}
	return n.places[e.random.IntN(len(n.places))]
}

func anything(*node) bool     { return true }
func (p place) at() *node     { return p.dir.children[p.name] }
func notDir(n *node) bool     { return !n.isDir() }
func notSymlink(n *node) bool { return n.kind != unix.S_IFLNK }
