// Package upload keeps the container of a mount claimed and the engine at work.
//
// Its nouns: a tenure is a time for which this process has the lease of the container. An
// [Uploader] claims the container again after each tenure, until another process takes it.
// An outage is the last failure, as long as no blob has been put since.
//
// # Hazards
//
// Nothing may write to the container outside of a tenure: [Uploader.Within] waits for one, and
// cancels what it runs when the lease is lost. Once another process has taken the container, this
// mount uploads nothing any more, because its journal does not know what was changed.
package upload
