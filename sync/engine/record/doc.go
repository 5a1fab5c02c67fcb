// Package record commits the outcomes of uploads and puts to the journal, many in one
// transaction.
//
// Its nouns: an event is an outcome on its way to the journal, with the memory and the claim that
// it holds until it is committed. The bell wakes all who wait for outcomes.
//
// It keeps two promises. Nothing is recorded before its blobs are durable. Blocks of a file are
// recorded before the file.
//
// Hazard: whoever waits for the bell must take its channel before they look at the journal.
package record
