// Package publish plans a publication: which directories and inodes are put, in which order,
// and what each directory lists. It puts nothing. docs/design.md, "How a publication goes",
// has the rules and the reasons.
package publish
