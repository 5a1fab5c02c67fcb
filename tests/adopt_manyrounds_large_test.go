//go:build large

package tests

// manyRounds is by how much the rounds over adopted containers are multiplied: 300 in all.
const manyRounds = 30

// manyLoads is by how much the rounds of loads into containers are multiplied: 304 in all.
const manyLoads = 38
