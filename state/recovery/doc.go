// Package recovery deals with files whose writer was cut off.
//
//   - Recover runs at the start of a mount: files that were open when the last one ended become Incomplete.
//   - AcceptFile and AcceptIncomplete make them ordinary files, RemoveIncomplete removes one with all its names.
//
// Hazards: Recover comes before anything else uses the journal.
package recovery
