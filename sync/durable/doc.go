// Package durable replaces files so that a power cut leaves the old one or the new one.
package durable
