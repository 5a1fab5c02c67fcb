// Package upload is the queue that the engine takes work from, and where it records outcomes.
//
//   - QueuedNodes, QueuedFound and QueuedBlocks list work. ReserveBlocks comes before the first put of more blocks.
//   - BlockOutcome and Upload say what is in the container.
//   - UploadFailure is why a node of a mount could not be uploaded. It stays in the queue.
//
// Hazards: an outcome counts only as far as the node did not change since it was taken; see RecordUploads.
package upload
