// Package faulty makes a container fail on demand. A test scripts the faults, runs
// the code that it tests, and asks with Check whether all of them were met:
//
//	c := faulty.New(mem.New())
//	c.On(faulty.Put, faulty.Fault{Err: blob.ErrThrottled}, faulty.Fault{Err: blob.ErrTransient, After: true})
//	defer c.Check(t)
package faulty
