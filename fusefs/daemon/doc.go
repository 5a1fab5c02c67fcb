// Package daemon is a mount that takes writes as a whole: it opens or resumes a STATE, claims the
// container, serves the file system, uploads and publishes in the background, and answers the
// commands that ask for it through the control socket.
//
// Its nouns: the uploader keeps the lease of the container, for a tenure at a time; a publication is
// asked for by an interval, a command or the end of the mount; what is left is what a report names
// because it is not published as it is.
//
// Hazards: nothing may write to the container outside of a tenure (upload.Uploader.Within). A service that
// cannot be reached keeps neither the start nor the end of a mount waiting for longer than reachFor.
package daemon
