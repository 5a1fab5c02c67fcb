// Package terminal is where text leaves the program: results, messages, logs and the progress of a
// long command.
//
// Its nouns: the console is what a long command talks to a person through; an edge takes secrets and
// control characters out of what is written; an outlet writes in the background, so that a reader
// who does not read stops nothing.
//
// Hazards: whatever is printed must go through an edge. An edge holds an unfinished line back, so a
// command must flush before it ends.
package terminal
