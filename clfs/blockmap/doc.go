// Package blockmap computes block maps: which objects hold the contents of a file or a
// directory after the first bytes (docs/clfs-format.md section 4). [Builder] makes the map
// of a new file, [Edit] makes a new map from an old one that any program may have written,
// and [Locate] says where a map keeps a block.
//
// Blocks are numbered as in the direct list: block 0 is the inode, block b is data segment
// b-1. The direct list has blocks 0 to 1023. The blocks after it hang on four trees of
// indirect blocks (object.IndirectBlock). Depth 0 is the root of a tree.
//
// # Hazards
//
// The Blocks of an emitted indirect block are only valid until the callback returns. A map
// of another program can have holes and lists that are too short. [Edit] keeps both.
package blockmap
