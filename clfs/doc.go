// Package clfs encodes and decodes the objects of a CLFS container, the file
// system that Azure HPC Cache and Avere vFXT keep in a blob container.
//
// # Vocabulary
//
// An object is one blob. It has an [ID], a [Type] and an owner, and these and
// a version make the blob's [Name]. Its bytes are a four-byte header and a
// payload, which may be compressed ([Pack], [Unpack]). The payload is a
// sequence of typed [Record]s.
//
// Five kinds of object exist. An [Inode] is a file, directory, link or device:
// attributes, names of the directories that link to it, the first bytes of its
// contents and a block map. A [Segment] holds further contents. An
// [IndirectBlock] holds segment ids when the block map in the inode is full.
// The [Bucket] object describes the container. The root directory is an inode
// with a well-known id, and a container without one is not finished.
//
// # How the pieces meet
//
// Writing a file: [NewHandle] gives it an id, [SegmentID] and [IndirectID]
// derive the ids of its blocks, [FinishSegment] frames each segment in the
// buffer that the file was read into, [MapBuilder] collects the segment ids
// and emits indirect blocks, and [Inode.Append] comes last. [Pack] turns each
// payload into blob bytes and [ObjectName] names the blob.
//
// Changing a file that any program may have written: [MapEdit] makes its new block
// map from the old one.
//
// Reading: [Unpack], then [DecodeInode], [DecodeSegment], [DecodeIndirect] or
// [DecodeBucket]; [Dirents] iterates over the entries of a directory segment;
// [Locate] says where the block map keeps block n.
//
// # Purity and hazards
//
// Everything here is a function of its arguments. Nothing opens, waits, logs,
// draws random numbers or looks at the clock. Ids that must be unguessable and
// yet the same after a crash are derived with a [Key].
//
// Decoders take any bytes: they end with a [FormatError] or a value, never
// with a panic, and allocate in proportion to their input. Decoded values alias
// the payload wherever they hold []byte; a caller that keeps one keeps the
// whole payload alive, and must not change it.
//
// Names and link targets are bytes chosen by whoever wrote the container. They
// may hold '/', NUL or "..": whoever turns them into paths must refuse those.
//
// The format itself is described in docs/clfs-format.md; comments here cite its
// sections.
package clfs
