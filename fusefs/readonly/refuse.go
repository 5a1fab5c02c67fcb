package readonly

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// The mount is read-only, so the kernel refuses changes itself. These methods
// stand behind it for a mount that somebody has remounted as writable.
var (
	_ fs.NodeSetattrer = (*inode)(nil)
	_ fs.NodeMkdirer   = (*inode)(nil)
	_ fs.NodeMknoder   = (*inode)(nil)
	_ fs.NodeCreater   = (*inode)(nil)
	_ fs.NodeSymlinker = (*inode)(nil)
	_ fs.NodeLinker    = (*inode)(nil)
	_ fs.NodeRenamer   = (*inode)(nil)
	_ fs.NodeUnlinker  = (*inode)(nil)
	_ fs.NodeRmdirer   = (*inode)(nil)
)

// Setattr refuses.
func (*inode) Setattr(context.Context, fs.FileHandle, *fuse.SetAttrIn, *fuse.AttrOut) syscall.Errno {
	return syscall.EROFS
}

// Mkdir refuses.
func (*inode) Mkdir(context.Context, string, uint32, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

// Mknod refuses.
func (*inode) Mknod(context.Context, string, uint32, uint32, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

// Create refuses.
func (*inode) Create(context.Context, string, uint32, uint32, *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	return nil, nil, 0, syscall.EROFS
}

// Symlink refuses.
func (*inode) Symlink(context.Context, string, string, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

// Link refuses.
func (*inode) Link(context.Context, fs.InodeEmbedder, string, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

// Rename refuses.
func (*inode) Rename(context.Context, string, fs.InodeEmbedder, string, uint32) syscall.Errno {
	return syscall.EROFS
}

// Unlink refuses.
func (*inode) Unlink(context.Context, string) syscall.Errno { return syscall.EROFS }

// Rmdir refuses.
func (*inode) Rmdir(context.Context, string) syscall.Errno { return syscall.EROFS }
