// Package retry retries temporary failures. It wraps a container, and decides at one place how many
// requests are in flight.
//
// # What is retried
//
// blob.ErrTransient, blob.ErrThrottled and blob.ErrChecksum are retried after a pause. The pause
// doubles from half a second to half a minute, plus or minus a random half, so that requests that
// failed together are not retried together. A request fails when no request in the container has
// succeeded for Options.For: while any succeeds, all may. The first success after five seconds
// without one ends the pauses of all requests, except those due to throttling or requested by the
// service. Before the first success the limit is Options.Opening: a wrong address must be reported
// soon.
//
// A service may request a waiting time with its answer. The pause is longer by that time, but by at
// most five minutes. It still ends when the request must fail.
//
// All other errors are returned at once: somebody must act first.
//
// # Throttling
//
// When the service throttles, the number of requests in flight is halved, once for all requests
// sent before. It grows by one after twice that number of successes.
//
// # Credentials
//
// If credentials are refused that were accepted before, all requests wait. One of them calls
// Options.Refresh and retries, every few seconds or when it is woken, until it is accepted; then
// all continue. The wait is not limited: it ends with the request's context.
//
// # Revoked puts
//
// If the context of a put is revoked (blob.Revocable), a waiting put ends at once. A put that was
// sent continues, and so does one whose last try may have taken effect.
//
// # Hazards
//
// The inner container must not retry requests itself: tries would multiply, and throttling would be
// noticed late. Sync is not retried: after a failed write the kernel may drop the data, and the
// next sync would succeed.
package retry
