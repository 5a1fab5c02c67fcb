// Package publish tests what reaches the container from a mount, and when: flush, publication, kills,
// power cuts, outages and incomplete files.
package publish
