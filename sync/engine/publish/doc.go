// Package publish makes what is uploaded reachable from the root of the container.
//
// Its nouns: a publication goes through phases, a phase consists of steps, and a step is one put of
// an inode or of a directory in a form. form.go and steps.go plan: they read the rows of a
// snapshot and put nothing. The other files put what they plan. The report of a publication names
// the entries that are behind: those that the container does not have as the namespace has them.
// docs/design.md, "How a publication goes", has the rules and the reasons.
//
// Hazards: at every instant a reader must find a whole namespace. So what a phase has put is
// recorded before the next phase begins, and no new version of an object in reach is put outside
// of a publication.
package publish
