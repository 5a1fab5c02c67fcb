// Package collect deletes the blobs that nothing leads to any more.
//
// Its nouns: garbage is what the journal has noted as replaced, as names of blobs, or as ids of
// objects that another program has made (foreign objects). A removed inode has no name any more;
// its blobs are deleted, then its row.
//
// Hazards: what a crash could bring back must not be deleted, so the journal is synced first. A
// put that is under way could come after the deletion. So the collector waits for the jobs of a
// removed inode, and chooses garbage while the gate is closed. Publications and collections take
// turns ([Collector.Lock]).
package collect
