package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"clfsload/tests/blobserver"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	latency := flag.Duration("latency", 0, "time that every request waits")
	containers := flag.String("container", "", "containers to make, with commas between them")
	verify := flag.Bool("verify", true, "check and store the MD5 of what is put")
	flag.Parse()
	if err := run(*listen, *containers, func(s *blobserver.Server) {
		s.SetLatency(*latency)
		if !*verify {
			s.SkipChecksums()
		}
	}); err != nil {
		fmt.Fprintln(os.Stderr, "blobserver:", err)
		os.Exit(1)
	}
}

// run serves until the process is killed.
func run(listen, containers string, configure func(*blobserver.Server)) error {
	s := blobserver.New()
	configure(s)
	for name := range strings.SplitSeq(containers, ",") {
		if name != "" {
			s.NewContainer(name)
		}
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s/blobserver\n", l.Addr())
	return http.Serve(l, s)
}
