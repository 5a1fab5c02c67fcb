// Package engine turns rows of the journal into blobs of a container.
//
// The data's way: the feeder takes queued inodes from the journal; workers read
// the files, encode and compress them, and put their blobs; the recorder commits
// what became of them, many in one transaction. Publish then writes the
// directories from the deepest up, and the root last.
//
// What it keeps true at every instant, whenever the process dies:
//
//   - An object is put after everything that it refers to: segments, indirect
//     blocks, inode, directory, root.
//   - Nothing is recorded as done before its blobs are durable.
//   - No blob exists that the journal does not know of: all names derive from
//     rows that were durable before, so a run that goes on overwrites what the one
//     before it left, and leaves no orphan.
//   - What was uploaded and is not yet recorded, is never more than the memory
//     budget: that bounds both the buffers and what a crash makes us upload again.
//
// A mount's files go the same way, but there is no end: RunMount sleeps until rows
// appear. PublishMount makes uploaded files reachable from the root, again and again, as
// sync/engine/publish plans it. Only publications put a new version of an inode that is in
// reach. Everything else that is put takes a name that was not used before, of a new
// version or generation. Collect deletes what nothing reaches. Who may work on what at the
// same time is in claims.go and gate.go.
//
// The engine does not know who made the rows, nor where contents come from: it
// opens them through a Source.
package engine
