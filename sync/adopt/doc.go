// Package adopt turns the contents of a container into rows of a journal, one part at a time.
//
// [Inspect] looks at a container before a journal adopts it, and refuses a container that must not
// be changed. A [Reader] then reads a directory's entries, or an inode's attributes, when the
// namespace needs them: see [state.Unread]. It writes nothing to the container. No other program
// may change the container meanwhile: the journal's publications replace exactly the objects that
// were read.
package adopt
