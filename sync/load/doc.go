// Package load is a load as a whole: it opens or resumes a transfer, lists its source, uploads and
// publishes, tries again what failed, and reports as data. PlanInto and Look tell what a load would
// do.
//
// Its nouns: the source is the tree that is read; STATE is the directory of the journal; the target
// is the container. A load with a merge goes into a container that has a tree.
//
// Hazards: Open changes nothing before all is checked, and takes back what it has made if the load
// is refused later; so a step of Open that makes something must tell the undo first. Only Run renews
// the lease of the container: after Open, nothing else may write.
package load
