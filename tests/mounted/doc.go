// Package mounted holds mounts of the binary for black-box tests.
//
// A Mount is a process that serves a container. An Intake is a mount that takes writes, with its STATE
// and its container, which outlive it. A Storm is programs that change the files of an Intake at once,
// and know what must be there after a kill.
package mounted
