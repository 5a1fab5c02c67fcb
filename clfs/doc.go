// Package clfs has the identities of a CLFS container, the file system that Azure HPC
// Cache and Avere vFXT keep in a blob container: ids, types and names of objects, and the
// sizes that the format fixes (docs/clfs-format.md sections 1, 2 and 4). Comments here cite
// its sections.
//
// # Vocabulary
//
// An object is one blob. It has an [ID], a [Type] and an owner. These and a version make
// the blob's [Name]. A [Handle] is the id of an inode, taken apart. A [Key] derives ids
// that nobody can guess and that are the same after a crash.
//
// # The packages of the format
//
//	clfs              ids, handles, types, hashes, names, times, sizes, errors
//	clfs/object       payloads: inodes, data segments, indirect blocks, the bucket object
//	clfs/compression  a payload becomes the bytes of a blob, and back
//	clfs/blockmap     which objects hold a file's contents: build, edit, locate
//
// Writing a file: [NewHandle] gives it an id, [SegmentID] and [IndirectID] derive the ids
// of its blocks, object.FinishSegment frames each segment in the buffer that the file was
// read into, blockmap.Builder collects the segment ids and emits indirect blocks, and
// object.Inode.Append comes last. compression.Pack turns each payload into the bytes of a
// blob, and [ObjectName] names the blob.
//
// Reading: [ParseName], compression.Unpack, then a decoder of package object.
//
// # Purity and hazards
//
// Everything in these packages is a function of its arguments. Nothing opens, waits, logs,
// draws random numbers or reads the clock.
//
// An [ID] is raw bytes. [ID.String] gives hex digits, and [ParseID] reads them.
package clfs
