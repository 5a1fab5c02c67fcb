// Package metrics shows the numbers of a load or mount to Prometheus.
package metrics
