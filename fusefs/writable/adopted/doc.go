// Package adopted has the part of an adopted container that the journal knows. The rest is read
// when it is used, and dropped again when nobody needs it.
//
// Its nouns: a [Source] reads from the container. A call that needs what was not read is refused
// by the journal with state.Unread; [Part.Retry] reads that and repeats the call. The kernel is told
// of inodes, and forgets them; those that it knows are not dropped.
//
// # Hazards
//
// Whoever tells the kernel of an inode must have called [Part.Pin] before it looked for the inode.
// Otherwise the inode can be dropped in between, and the kernel gets ESTALE for it.
package adopted
