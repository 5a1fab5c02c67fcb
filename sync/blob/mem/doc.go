// Package mem keeps a container in memory, for tests. It implements the guarantees of
// blob.Container exactly, so that tests do not depend on chance.
package mem
