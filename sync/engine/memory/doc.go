// Package memory bounds the memory of the engine.
//
// Its nouns: the budget is a number of bytes; a grant is a share of it; a buffer is memory that is
// used again. A grant counts the buffers of an object while it is read and packed. Then it shrinks
// to the bytes that were put, and it is released when these are recorded. So the budget also bounds
// what a crash makes the engine upload again.
//
// Hazard: nobody may wait for a second grant while they hold one. Two who do so wait for each
// other.
package memory
