// Package tree reads a container back: it turns blobs into a namespace.
//
// # Vocabulary
//
// A container holds objects, and an object's id does not say how its blob is
// called: the name also has the owner and the version. To find an object is to
// list the blobs whose names begin with its id and to take the highest version
// of the live file system. An [Object] is what was found, a [Node] is an inode
// that was read and decoded.
//
// A file's contents are its first bytes, in the inode, and blocks: segments of
// 8 MiB. [Tree.Blocks] goes over the block map, [Tree.Runs] reads the bytes. A
// directory's entries lie in the same two places; [Tree.Entries] goes over
// them. [Tree.Lookup] resolves a path, [Tree.Walk] visits everything below a
// directory in parallel.
//
// # Finding objects: by prefix or by index
//
// A freshly opened [Tree] asks the service for each inode: one listing of its
// prefix, one read. Guessing the name (the owner is usually the directory, the
// version 9) would save the listing, but would miss a higher version, and a
// reader that shows yesterday's file is worse than a slow one. Whoever visits
// most of a container calls [Tree.BuildIndex] first: the whole listing, 5000
// names a request, goes into a temporary database, and each object then costs
// one read.
//
// Segments and indirect blocks have one version: loaders and mounts give new contents new
// ids. Only a cache may write one again. So their names are guessed, and one read brings
// them, unless the container has objects that only a cache makes (0x65, 0x66, 0x67), for
// which three listings ask once. If there is no such blob, the object is listed after all.
//
// # Tolerance
//
// Containers that a cache has used hold things that no loader writes (section
// 8 of docs/clfs-format.md). Tombstones, older versions, other snapshots and
// unknown records are passed over, counted and told by [Tree.PassedOver]. Null
// ids in block lists are holes; blocks that no list holds are lost. What cannot be
// right is a [Damage]: it names the kind and the object. [Node.Check] and
// [Tree.DirSegments] find what contradicts itself in an inode or directory that can
// be read. Nothing is guessed: a segment that is shorter than
// it must be or says that it belongs to another file is an error, not zeros.
//
// # Hazards
//
// Names are bytes that the container's writer chose. They may hold a slash or
// be "..". [ValidName] tells which of them can be a file's name.
//
// A container can describe a tree that has no end: directories that contain
// themselves, block maps that share blocks. Walk enters each directory once,
// Blocks each indirect block once, and both report the second time as damage.
package tree
