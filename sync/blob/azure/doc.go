// Package azure keeps a container in Azure Blob Storage, or in anything that speaks
// its protocol: any cloud, a custom domain, an emulator.
//
// # Writing
//
// A blob is one Put Blob request that carries its MD5, which the service compares
// with the bytes that arrived and stores with the blob.
//
// # Credentials
//
// Secrets says where they may come from. They can be replaced while requests are in
// flight, with SetCredentials: a SAS that ended does not end a run. The package
// itself reads no environment variable; azidentity's chain does, and so does
// net/http for a proxy (HTTPS_PROXY, NO_PROXY).
//
// # Repeating
//
// Retry says how often a request is sent before its error is reported. With Tries 1
// the caller sees every throttling at once, and can slow down.
//
// # Secrecy
//
// The SAS is added to a request after the SDK has let go of it. Errors hold text
// only, never the SDK's errors, which refer to the request and its signature; what
// looks like a secret in a foreign text is replaced.
package azure
