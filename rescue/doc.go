// Package rescue turns a panic into the error of the one piece of work that has
// panicked. A process that serves many, as a mount does, must not end because one of
// them met a fault of the program.
//
// It belongs where a piece of work begins: a request of the kernel, an entry that is
// uploaded, a goroutine that one of them starts. Whoever panics must give back what it
// holds with defer.
package rescue
