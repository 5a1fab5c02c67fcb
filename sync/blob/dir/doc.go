// Package dir keeps a container in a directory: one regular file a blob, the file's
// name is the blob's. The directory can be copied, shipped or uploaded with any
// tool, and holds nothing else but, while they are being written, files whose
// names begin with ".put.", and, while a lease is held, one that begins with
// ".lease.".
//
// # Durability
//
// Put writes a temporary file and renames it, without fsync: a process that dies
// leaves either blob whole. A power cut is survived by what came before the last
// successful Sync, which is one syncfs(2) for any number of blobs. What came after it
// may have its name and none of its bytes, but for what PutWhole has put.
//
// # Temporary files
//
// Those of a process that died are removed by the next Open that finds itself
// alone. Every open Container holds a shared flock(2) on the directory, and Open
// tries an exclusive one; where the file system has no such lock for directories
// (NFS), they stay and the names of later ones keep clear of them.
//
// # Cost
//
// A Put is four system calls, a Get five or six. A file system has no index by
// prefix, so a List must read the whole directory, whatever its prefix: see
// Container.List.
package dir
