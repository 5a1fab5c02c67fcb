// Package secrecy keeps signatures, keys, tokens and passwords out of texts.
//
// A secret is found in two ways: by the shape of what stands around it, such as
// "sig=", and by its value, which [Learn], [Secret] and [Variable] remember for the
// rest of the process. The value is found in every encoding that messages have.
package secrecy
