package main

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"
)

// bandwidthFlags bound what a load takes of the network.
type bandwidthFlags struct{ limit byteRate }

func (f *bandwidthFlags) register(fl *pflag.FlagSet) {
	fl.Var(&f.limit, "bandwidth-limit", "upload at most so many bytes a second, for example 200M; 'clfsload limit' changes it while the load runs")
}

// byteRate is a flag for bytes a second such as 200M, or off, which is 0.
type byteRate int64

func (r *byteRate) Type() string { return "rate" }

func (r *byteRate) String() string {
	if *r == 0 {
		return "off"
	}
	return strings.ReplaceAll(humanize.Bytes(uint64(*r)), " ", "") + "/s"
}

func (r *byteRate) Set(text string) error {
	if strings.EqualFold(text, "off") {
		*r = 0
		return nil
	}
	var b byteSize
	if err := b.Set(strings.TrimSuffix(text, "/s")); err != nil || b < 1 {
		return fmt.Errorf("%q is no rate; write for example 200M, 80MiB or off", text)
	}
	*r = byteRate(b)
	return nil
}
