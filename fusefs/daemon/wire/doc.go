// Package wire has what commands and a mount that takes writes say to each other through the
// control socket, as JSON: requests, reports, the status, and the plan of a publication. With
// --json, commands print the same values.
//
// # Hazards
//
// Scripts read these values. A field keeps its name, its unit and its meaning.
package wire
