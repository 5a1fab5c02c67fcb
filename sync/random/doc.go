// Package random draws the random values of a container.
package random
