// Package mount tests how a mount begins and ends: mount points, fstab, accounts, the service manager,
// other mount namespaces, and the commands that end it.
package mount
