// Package lease holds the lease of a container while a process writes to it.
//
// A Container passes requests on to another one. After Acquire, Keep renews the lease in the
// background, and no Put or Delete is sent unless the lease was renewed recently. A process may be
// cut off or asleep until another one can take the lease; it detects that before it writes.
//
// The leased blob stands for the container. blob.Leaser describes what a lease prevents.
package lease
