// Command cmd runs a blobserver by itself, for measurements:
//
//	go run ./tests/blobserver/cmd -listen 127.0.0.1:10000 -latency 2ms -container data
//	clfsload load --new STATE SOURCE "http://127.0.0.1:10000/any/data?sig=any"
package main
