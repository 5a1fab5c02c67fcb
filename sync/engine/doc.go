// Package engine turns rows of the journal into blobs of a container.
//
// The data's way: the feeder takes queued inodes from the journal; workers read
// the files, encode and compress them, and put their blobs; the recorder commits
// what became of them, many in one transaction. A publication then writes the
// directories, and the root last.
//
// What it keeps true at every instant, whenever the process dies:
//
//   - An object is put after everything that it refers to: segments, indirect
//     blocks, inode, directory, root. Directories that nothing leads to come in any order.
//   - Nothing is recorded as done before its blobs are durable.
//   - No blob exists that the journal does not know of: all names derive from
//     rows that were durable before, so a run that goes on overwrites what the one
//     before it left, and leaves no orphan.
//   - What was uploaded and is not yet recorded, is never more than the memory
//     budget: that bounds both the buffers and what a crash makes us upload again.
//
// The namespace of a mount is live: Upload sleeps until rows
// appear, and PublishMount makes uploaded files reachable from the root, again and again, as
// sync/engine/publish plans it. Only publications put a new version of an inode that is in
// reach. Everything else that is put takes a name that was not used before, of a new
// version or generation. Collect deletes what nothing reaches. Who may work on what at the
// same time is in claims.go and gate.go.
//
// The engine does not know who made the rows, nor where contents come from: it
// opens them through a Source.
package engine
