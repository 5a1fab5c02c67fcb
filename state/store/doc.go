// Package store is the transactions of a journal: it reads and writes rows, and keeps the redo log and the
// database the same.
//
//   - Store is an open journal. Each topic has a type that embeds it.
//   - Tx is a transaction of the writer. Steps of a change are functions whose first parameter it is.
//   - Statement is a statement of the writer, declared as a variable beside the code that executes it. Redoable
//     is one that the redo log can hold.
//   - Acknowledged, Committed and Durable say what a change survives once Write has returned.
//
// Hazards: an acknowledged change may execute Redoable statements, and change nodes with Save and InsertNode, and nothing
// else: the redo log would not have it. A number of an operation (OpInsertEntry and others) must never get another meaning.
// A change may be refused only before it has changed anything. Write may run its function again.
package store
