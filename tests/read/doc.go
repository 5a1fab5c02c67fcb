// Package read tests the commands that read a container: ls, cat, du, stat, inspect, export and verify;
// and what they report of damage.
package read
