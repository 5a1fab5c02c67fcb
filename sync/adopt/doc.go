// Package adopt turns what a container holds into rows of a journal, a part at a time.
//
// [Inspect] looks at a container before a journal adopts it, and refuses what must not be
// changed. A [Reader] then reads a directory's entries, and an inode's attributes, when the
// namespace needs them: see [state.Unread]. It writes nothing to the container. Nobody else
// may change the container meanwhile: what is read must be what the journal's publications
// will replace.
package adopt
