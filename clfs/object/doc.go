// Package object encodes and decodes the payloads of objects (docs/clfs-format.md sections
// 3, 5 and 6).
//
// A payload is a sequence of typed [Record]s. Four kinds of objects have a type here. An
// [Inode] is a file, directory, link or device: attributes, the directories that link to
// it, the first bytes of its contents and a block map. A [Segment] holds further contents.
// An [IndirectBlock] holds ids when the direct list in the inode is full. The [Bucket]
// object describes the container; its [Mark] says which publication the container holds.
// A [Dirent] is one entry of a directory.
//
// # Hazards
//
// Decoders take any bytes. They end with a clfs.FormatError or a value, never with a panic,
// and allocate in proportion to their input. Decoded values alias the payload wherever they
// hold []byte. A caller that keeps one keeps the whole payload alive, and must not change it.
//
// Names and link targets are bytes chosen by the program that wrote the container. They may
// hold '/', NUL or "..". A caller that makes paths of them must refuse those.
package object
