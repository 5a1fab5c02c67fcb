// Package service tests loads and mounts against a blob service: Azure, credentials, leases, limits of
// bandwidth, outages and false answers, and that no secret is printed.
package service
