// Package exerciser does random things to a directory and holds what the file
// system answers against a model of it in memory, in the manner of fsx and
// fsstress: after each call it looks at the attributes of all that the call
// touched and reads around what it wrote.
//
// An Exerciser is a sequence of steps that its seed determines. Step makes one of
// them; Check compares the whole directory with the model, at any time; Close
// closes the files that are held open, which an unmount needs.
//
// A file system that dies between two calls, or in one, is told apart from one that
// answers wrongly: Step then returns ErrInterrupted, and when the file system is
// back, Resume finds out whether the call that was under way has happened, accepts
// both, and accepts nothing else. What had returned must be there.
//
// It runs as root, because it changes owners and makes devices.
package exerciser
