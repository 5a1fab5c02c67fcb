// Package pathtext writes paths, which are bytes, as lines and in JSON.
package pathtext
