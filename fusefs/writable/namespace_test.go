package writable

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"clfsload/state"
)

// list lists a directory in answers of this many bytes. between is called between
// them.
func (k *kernel) list(dir uint64, size int, between func()) (names []string) {
	k.t.Helper()
	var open fuse.OpenOut
	k.ok("opendir", k.fs.OpenDir(nil, &fuse.OpenIn{InHeader: header(dir)}, &open))
	defer k.fs.ReleaseDir(&fuse.ReleaseIn{InHeader: header(dir), Fh: open.Fh})
	for offset := uint64(0); ; {
		out := fuse.NewDirEntryList(make([]byte, size), offset)
		k.ok("readdirplus", k.fs.ReadDirPlus(nil, &fuse.ReadIn{InHeader: header(dir), Fh: open.Fh, Offset: offset, Size: uint32(size)}, out))
		entries, outs, err := fuse.ParseDirLookupEntries(out.Bytes())
		if err != nil {
			k.t.Fatal(err)
		}
		if len(entries) == 0 {
			return names
		}
		for i, e := range entries {
			names = append(names, e.Name)
			if e.Name != "." && e.Name != ".." && outs[i].NodeId != e.Ino {
				k.t.Errorf("%s: node %d of inode %d", e.Name, outs[i].NodeId, e.Ino)
			}
			offset = e.Off
		}
		if between != nil {
			between()
		}
	}
}

func TestAListingHasWhatWasThereAllTheTimeOnce(t *testing.T) {
	k := newKernel(t)
	const files = 500
	var want []string
	for i := range files {
		k.create(rootNode, fmt.Sprintf("stay%03d", i)).close()
		k.create(rootNode, fmt.Sprintf("go%03d", i)).close()
		want = append(want, fmt.Sprintf("stay%03d", i))
	}
	next := 0
	names := k.list(rootNode, 4096, func() {
		for range 20 {
			if next < files {
				k.ok("unlink", k.unlink(rootNode, fmt.Sprintf("go%03d", files-1-next)))
				k.create(rootNode, fmt.Sprintf("new%03d", next)).close()
				next++
			}
		}
	})
	var stayed []string
	for _, name := range names {
		if strings.HasPrefix(name, "stay") {
			stayed = append(stayed, name)
		}
	}
	if !slices.Equal(stayed, want) {
		t.Errorf("listed %d of %d files", len(stayed), files)
	}
	slices.Sort(names)
	if n := len(slices.Compact(slices.Clone(names))); n != len(names) {
		t.Errorf("%d names were listed twice", len(names)-n)
	}
	if again := k.list(rootNode, 64<<10, nil); len(again) != 2+2*files {
		t.Errorf("%d names afterwards", len(again))
	}
}

func TestWhatTheContainerCannotHoldFailsAtTheCall(t *testing.T) {
	k := newKernel(t)
	f := k.create(rootNode, "f")
	f.close()
	root := header(rootNode)
	link := func(name string) fuse.Status {
		return k.fs.Link(nil, &fuse.LinkIn{InHeader: root, Oldnodeid: f.node}, name, &fuse.EntryOut{})
	}
	symlink := func(length int) fuse.Status {
		return k.fs.Symlink(nil, &root, strings.Repeat("x", length), fmt.Sprint("s", length), &fuse.EntryOut{})
	}
	for i := range 1022 {
		k.ok("link", link(fmt.Sprint(i)))
	}
	for what, c := range map[string]struct{ got, want fuse.Status }{
		"one link too many": {link("more"), fuse.Status(syscall.EMLINK)},
		"a long target":     {symlink(1023), fuse.OK},
		"a target too long": {symlink(1024), fuse.Status(syscall.ENAMETOOLONG)},
		"a name too long":   {link(strings.Repeat("n", 256)), fuse.Status(syscall.ENAMETOOLONG)},
		"an extended attribute": {k.fs.SetXAttr(nil, &fuse.SetXAttrIn{InHeader: header(f.node)}, "user.a", nil),
			fuse.Status(syscall.EOPNOTSUPP)},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", what, c.got, c.want)
		}
	}
	if n := k.attr(f.node).Nlink; n != 1023 {
		t.Errorf("%d links", n)
	}
	if k.log.Len() > 0 {
		t.Errorf("the log has errors of the callers: %s", k.log)
	}
}

func TestDirectoriesCountTheirSubdirectories(t *testing.T) {
	k := newKernel(t)
	a, b := k.mkdir(rootNode, "a"), k.mkdir(rootNode, "b")
	k.mkdir(a, "sub")
	rename := func(from uint64, name string, to uint64, newName string, flags uint32) fuse.Status {
		return k.fs.Rename(nil, &fuse.RenameIn{InHeader: header(from), Newdir: to, Flags: flags}, name, newName)
	}
	links := func(want ...uint32) {
		t.Helper()
		got := []uint32{k.attr(rootNode).Nlink, k.attr(a).Nlink, k.attr(b).Nlink}
		if !slices.Equal(got, want) {
			t.Errorf("links %d, want %d", got, want)
		}
	}
	links(4, 3, 2)
	k.ok("rename", rename(a, "sub", b, "sub", 0))
	links(4, 2, 3)
	if status := rename(rootNode, "b", b, "inside", 0); status != fuse.EINVAL {
		t.Errorf("into itself: %v", status)
	}
	if status := rename(rootNode, "a", rootNode, "b", 0); status != fuse.Status(syscall.ENOTEMPTY) {
		t.Errorf("over a directory that is not empty: %v", status)
	}
	k.create(a, "file").close()
	k.ok("exchange", rename(a, "file", b, "sub", unix.RENAME_EXCHANGE))
	links(4, 3, 2)
	if status := rename(rootNode, "a", rootNode, "b", unix.RENAME_NOREPLACE); status != fuse.Status(syscall.EEXIST) {
		t.Errorf("without replacing: %v", status)
	}
	h := header(rootNode)
	if status := k.fs.Rmdir(nil, &h, "a"); status != fuse.Status(syscall.ENOTEMPTY) {
		t.Errorf("rmdir: %v", status)
	}
}

func TestAnUnlinkedFileLivesWhileItIsOpen(t *testing.T) {
	k := newKernel(t)
	f := k.create(rootNode, "f")
	k.ok("write", f.write([]byte("before"), 0))
	k.ok("unlink", k.unlink(rootNode, "f"))
	k.ok("write", f.write([]byte("behind"), 6))
	if got, status := f.read(0, 100); status != fuse.OK || string(got) != "beforebehind" {
		t.Errorf("%q, %v", got, status)
	}
	if a := k.attr(f.node); a.Nlink != 0 || a.Size != 12 {
		t.Errorf("%d links, %d bytes", a.Nlink, a.Size)
	}
	if err := k.fs.reaper.Reap(t.Context()); err != nil || !k.staged(f.node) {
		t.Fatalf("its staging file is gone (%v)", err)
	}
	f.close()
	if err := k.fs.reaper.Reap(t.Context()); err != nil || k.staged(f.node) {
		t.Errorf("its staging file stays (%v)", err)
	}
	if n := k.node(f.node); n.Flags&state.Orphan != 0 {
		t.Error("the journal keeps it for somebody")
	}
}

func TestAFileThatIsReplacedIsRemovedFromStaging(t *testing.T) {
	k := newKernel(t)
	old, f := k.create(rootNode, "f"), k.create(rootNode, ".f.tmp")
	k.ok("write", old.write([]byte("old"), 0))
	k.ok("write", f.write([]byte("new"), 0))
	old.close()
	f.close()
	k.ok("rename", k.fs.Rename(nil, &fuse.RenameIn{InHeader: header(rootNode), Newdir: rootNode}, ".f.tmp", "f"))
	if err := k.fs.reaper.Reap(t.Context()); err != nil || k.staged(old.node) || !k.staged(f.node) {
		t.Errorf("staged: old %t, new %t (%v)", k.staged(old.node), k.staged(f.node), err)
	}
}

func TestNewNodesTakeTheGroupOfASetgidDirectory(t *testing.T) {
	k := newKernel(t)
	dir := k.mkdir(rootNode, "d")
	in := &fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{InHeader: header(dir), Valid: fuse.FATTR_MODE | fuse.FATTR_GID,
		Mode: 0o2775, Owner: fuse.Owner{Gid: 77}}}
	k.ok("setattr", k.fs.SetAttr(nil, in, &fuse.AttrOut{}))
	f := k.create(dir, "f")
	f.close()
	sub := k.mkdir(dir, "sub")
	if a := k.attr(f.node); a.Gid != 77 || a.Mode != unix.S_IFREG|0o644 {
		t.Errorf("file: group %d, mode %o", a.Gid, a.Mode)
	}
	if a := k.attr(sub); a.Gid != 77 || a.Mode != unix.S_IFDIR|0o2755 {
		t.Errorf("directory: group %d, mode %o", a.Gid, a.Mode)
	}
}

func TestAttributesTellHowFarAFileIs(t *testing.T) {
	k := newKernel(t)
	f := k.create(rootNode, "f")
	tell := func() string {
		h, buf := header(f.node), make([]byte, 100)
		n, status := k.fs.GetXAttr(nil, &h, "user.clfsload.state", buf)
		k.ok("getxattr", status)
		return string(buf[:n])
	}
	got := []string{tell()}
	f.close()
	got = append(got, tell())
	if err := k.fs.settle(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	got = append(got, tell())
	if err := k.engine.upload(t.Context()); err != nil {
		t.Fatal(err)
	}
	got = append(got, tell())
	if want := []string{"open", "dirty", "queued", "uploaded"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	h := header(rootNode)
	for name, want := range map[string]fuse.Status{"user.clfsload.control": fuse.OK, "user.clfsload.other": fuse.ENODATA,
		"security.capability": fuse.ENOTSUP, "system.posix_acl_access": fuse.ENOTSUP} {
		if _, status := k.fs.GetXAttr(nil, &h, name, make([]byte, 4096)); status != want {
			t.Errorf("%s: %v, want %v", name, status, want)
		}
	}
}

func TestWhatWasClosedIsThereAfterACrashAndWhatWasNotIsIncomplete(t *testing.T) {
	k := newKernel(t)
	whole, cut := k.create(rootNode, "whole"), k.create(rootNode, "cut")
	k.ok("write", whole.write(bytes.Repeat([]byte("w"), 100000), 0))
	k.ok("write", cut.write(bytes.Repeat([]byte("c"), 50000), 0))
	k.ok("flush", whole.flush())
	k.crash()
	for name, want := range map[string]struct {
		size  uint64
		state string
	}{"whole": {100000, "dirty"}, "cut": {50000, "incomplete"}} {
		out, status := k.lookup(rootNode, name)
		k.ok("lookup", status)
		if got := Progress(k.node(out.NodeId), 0); out.Size != want.size || got != want.state {
			t.Errorf("%s: %d bytes, %s", name, out.Size, got)
		}
		data, status := k.open(out.NodeId, syscall.O_RDONLY).read(0, 100000)
		k.ok("read", status)
		if want := bytes.Repeat([]byte(name[:1]), int(want.size)); !bytes.Equal(data, want) {
			t.Errorf("%s: %d bytes differ", name, len(data))
		}
	}
}
