// Package retry repeats what fails for a while. It wraps a container, and decides at
// one place how many requests are in flight.
//
// # What is repeated
//
// blob.ErrTransient, blob.ErrThrottled and blob.ErrChecksum: after a pause that
// doubles from half a second to half a minute, give or take a half at random, so
// that requests that failed together do not come back together. A request is given
// up when nothing in the container succeeded for Options.For: as long as anything
// goes on, all of it may. The first success after five seconds without one ends the
// pauses of all, but for those that throttling has made or the service has asked for. Before the first success it is
// Options.Opening: whoever gave a wrong address wants to know it soon.
//
// A service may say with its answer how long to wait. So long, but not more than five minutes, the pause is longer.
// It still ends when the request is to be given up.
//
// All other errors are returned at once: they need somebody to act first.
//
// # Throttling
//
// When the service throttles, the number of requests in flight is halved, once for
// all requests that were sent before. It grows again by one for every two times that
// number of requests that succeed.
//
// # Credentials
//
// When credentials are refused that were accepted before, all requests wait. One of
// them calls Options.Refresh and tries again, every few seconds or when it is woken,
// until it is accepted; then all go on. The wait is not limited: it ends with the
// request's context.
//
// # Revoked puts
//
// If the context of a put is revoked (blob.Revocable), a put that waits ends at once. A put
// that was sent goes on, and so does one whose last try may have taken effect.
//
// # Hazards
//
// The container inside must not repeat requests itself: tries would multiply, and
// throttling would be noticed late. Sync is not repeated: when the disk failed to
// write, the kernel may drop the data, and the next sync would succeed.
package retry
