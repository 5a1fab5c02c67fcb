// Package load is a load as a whole: it opens or resumes a transfer, lists its source, uploads and
// publishes, retries failed entries, and reports as data. PlanInto and Look report what a load
// would do.
//
// Its nouns: the source is the tree that is read; STATE is the directory of the journal; the target
// is the container. A load with a merge goes into a container that has a tree. A failure is an
// entry that could not be listed or transferred.
//
// Hazards: Open changes nothing before all checks have passed. If the load is refused later, Open
// removes what it created; so a step of Open that creates something must first register it with the
// undo. Only Run renews the lease of the container: after Open, nothing else may write.
package load
