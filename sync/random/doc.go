// Package random draws what is random in a container.
package random
