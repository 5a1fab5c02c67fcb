// Package publish is what publications ask and record. Which steps they take is decided by sync/engine/publish.
//
//   - Snapshot is the namespace as it was at one moment. BeginPublish takes one.
//   - ReachNew, RecordPuts and EndPublish record how far the publication has come.
//   - Tombstone is an entry that the listing of a directory in the container may have and the directory no longer has.
//   - Mark says which marks the container may have.
//
// Hazards: a Snapshot holds back the checkpoints of the journal's log, so keep it no longer than a publication takes. Until
// EndPublish, also after a crash, nothing that a publication may have put is deleted.
package publish
