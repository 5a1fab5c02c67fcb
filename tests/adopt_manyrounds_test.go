//go:build !large

package tests

// manyRounds is by how much the rounds over adopted containers are multiplied.
const manyRounds = 1
