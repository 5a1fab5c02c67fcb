//go:build !large

package tests

// manyRounds is by how much the rounds over adopted containers are multiplied.
const manyRounds = 1

// manyLoads is by how much the rounds of loads into containers are multiplied.
const manyLoads = 1
