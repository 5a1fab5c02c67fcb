// Package write tests what programs do in a mount that takes writes: copies, random calls, staging,
// directories, limits, and memory.
package write
