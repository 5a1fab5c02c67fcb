// Package tree reads a container back: it turns blobs into a namespace.
//
// # Vocabulary
//
// A container holds objects. An object's id is only a part of its blob's name: the name also has
// the owner and the version. To find an object, the tree lists the blobs whose names begin with its
// id, and takes the highest version of the live file system. An [Object] is the result, a [Node] is
// an inode that was read and decoded.
//
// A file's contents are its first bytes, in the inode, and blocks: segments of 8 MiB. [Tree.Blocks]
// goes over the block map, [Tree.Runs] reads the bytes. A directory's entries are at the same two
// places; [Tree.Entries] goes over them. [Tree.Lookup] resolves a path, [Tree.Walk] visits
// everything below a directory in parallel.
//
// # Finding objects: by prefix or by index
//
// A new [Tree] sends two requests for each inode: one listing of its prefix, one read. A guess of
// the name (the owner is usually the directory, the version 9) would save the listing, but would
// miss a higher version, and an outdated file is worse than a slow read. A reader of most of a
// container calls [Tree.BuildIndex] first: the whole listing, 5000 names a request, goes into a
// temporary database, and each object then costs one read.
//
// Segments and indirect blocks have one version: loaders and mounts give new contents new ids. Only
// a cache may write one again. So their names are guessed, and one read fetches them, unless the
// container has objects that only a cache makes (0x65, 0x66, 0x67); three listings find that out
// once. If the guessed blob is missing, the object is listed after all.
//
// # Tolerance
//
// Containers that a cache has used have objects and records that no loader writes (section 8 of
// docs/clfs-format.md). Tombstones, older versions, other snapshots and unknown records are
// skipped, counted and reported by [Tree.PassedOver]. Null ids in block lists are holes; blocks
// that no list holds are lost. A contradiction is a [Damage]: it names the kind and the object.
// [Node.Check] and [Tree.DirSegments] find contradictions in a readable inode or directory. Nothing
// is guessed: if a segment is too short or belongs to another file, that is an error, not zeros.
//
// # Hazards
//
// Names are bytes chosen by the writer of the container. They may contain a slash or be "..".
// [ValidName] reports whether a name can be a file's name.
//
// A container can describe an endless tree: directories that contain themselves, block maps that
// share blocks. Walk enters each directory once, Blocks each indirect block once, and both report
// the second time as damage.
package tree
