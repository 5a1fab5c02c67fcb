// Package terminal is the point where text leaves the program: results, messages, logs and the
// progress of a long command.
//
// Its nouns: the console connects a long command to its user; an edge removes secrets and control
// characters from output; an outlet writes in the background, so that a stalled reader does not
// stop the command.
//
// Hazards: all output must go through an edge. An edge holds an unfinished line back, so a command
// must flush before it ends.
package terminal
