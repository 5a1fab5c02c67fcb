//go:build large

package tests

// manyRounds is by how much the rounds over adopted containers are multiplied: 300 in all.
const manyRounds = 30
