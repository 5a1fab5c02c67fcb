// Package schema is the tables of a journal: their definition in SQL, the values that their rows hold,
// and the refusals of a change.
//
//   - Inode and Node are a row of the table inode: what a directory says of an inode, and all that the journal
//     knows of it. A State is where a node stands; Flags say more. doc.go of package state has the states.
//   - Block is a block of a file, of which the node alone does not say all.
//   - Settings are fixed when a journal is made. Numbers are the inode numbers that a journal may give.
//   - Ledger is the one row of numbers that change with every transaction; Counts are a part of it.
//   - SQL puts numbers in place of the names that queries have for states and flags: {dirty}, {adopted}.
//
// Methods of Node are functions of the row alone. What reads or changes another row is in the package of a topic.
//
// Hazards: a row of the redo log is written and read by Codec, so a field of Node or Ledger must be there too. Whoever
// changes a table increases SchemaVersion.
package schema
