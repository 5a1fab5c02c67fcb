// Package secrecy removes signatures, keys, tokens and passwords from texts.
//
// A secret is found in two ways: by the text around it, such as "sig=", and by its value, which
// [Learn], [Secret] and [Variable] remember for the lifetime of the process. The value is found in
// every encoding that messages have.
package secrecy
