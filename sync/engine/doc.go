// Package engine uploads what is queued in the journal: rows become blobs.
//
// Data takes this way: the feeder takes queued inodes from the journal and makes jobs of them. Workers
// read the files, encode and compress them, and put their blobs (blobs). The recorder commits the
// outcomes (record). A publication then writes the directories, and the root last (publish).
//
// What the engine keeps true at every instant, whenever the process dies:
//
//   - An object is put after everything that it refers to: segments, indirect
//     blocks, inode, directory, root. Directories that nothing leads to come in any order.
//   - Nothing is recorded as done before its blobs are durable.
//   - No blob exists that the journal does not know of: all names derive from
//     rows that were durable before. So a run that resumes overwrites what the run
//     before it left, and leaves no orphan.
//   - The bytes that were uploaded and are not yet recorded never exceed the memory
//     budget: that bounds both the buffers and what a crash makes us upload again.
//
// Its packages, in the order of their imports:
//
//	memory   the budget of buffers and of uploads that are not recorded
//	claim    who may work on which inode; the gate; failed inodes that rest
//	record   outcomes on their way to the journal
//	blobs    names, encodes, puts and reads back inodes, indirect blocks and segments
//	bucket   whether the container is the journal's
//	collect  deletes what nothing leads to
//	publish  plans and makes publications
//
// The namespace of a mount is live: Upload sleeps until rows appear, and PublishMount makes uploaded
// files reachable from the root, again and again. Only publications put a new version of an inode
// that is in reach. Everything else that is put takes a name that was not used before, of a new
// version or generation.
//
// The engine does not know who made the rows, nor where contents come from: it opens them through
// a Source.
package engine
