// Package load tests what a load takes from its source: contents, attributes, names, filters, failures
// and changes of the source, and what status and a dry run report.
package load
