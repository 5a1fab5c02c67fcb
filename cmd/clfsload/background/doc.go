// Package background lets a mount serve after the command that started it has returned. The command
// line is run again in its own session, as the daemon. The daemon reports through a pipe when it
// serves.
//
// Hazards: every user of the machine can read the arguments of a process. So TakeCommandLine must
// come first: it overwrites secrets, and a daemon gets its arguments through a file without a name.
package background
