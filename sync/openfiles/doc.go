// Package openfiles divides the limit of open files of this process.
package openfiles
