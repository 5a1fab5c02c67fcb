// Package refuse tests what is refused, and that a refused command leaves everything as it was; what
// limits of the system and closed standard files do to a command.
package refuse
