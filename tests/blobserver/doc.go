// Package blobserver is a small blob service in memory, for tests and measurements.
//
// It speaks the part of Azure Blob Storage's protocol that clfsload uses: Put, Get,
// Head, Delete and Lease Blob, List Blobs, and creating, asking for and deleting
// containers, with addresses of the form http://HOST/ACCOUNT/CONTAINER/BLOB. It
// checks Content-MD5 and takes any credentials, unless told otherwise. What a real
// service does now and then it does on demand: answer late, throttle, hang, cut
// connections, refuse credentials. See Server.Fail.
//
// It is written from the protocol's documentation, and the conformance suite of
// sync/blob runs on it as it does on Azurite.
package blobserver
