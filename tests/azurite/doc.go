// Package azurite starts Azurite, Microsoft's emulator of Azure Storage, for tests.
//
// It runs once for a test binary, in memory, on a port of 127.0.0.1 that the
// system chooses, and the kernel kills it when the test binary ends, however it
// ends. `make test-deps` installs it under build/azurite; the environment's
// CLFSLOAD_AZURITE names another azurite-blob program.
package azurite
