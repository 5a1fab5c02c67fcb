package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"clfsload/sync/outcome"
	"clfsload/sync/site"
)

// cacheFlags are those of a cache of blobs on a local disk.
type cacheFlags struct {
	dir  string
	size byteSize // 0: the default, which for a mount that takes writes is none
}

// leastSize is that of a cache.
const leastSize = 64 << 20

func (f *cacheFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.dir, "cache", "", "with --read-only: directory, on a local disk, that keeps file contents which were read; read-only mounts\nof the same user can share it (default: no cache)")
	fl.Var(&f.size, "cache-size", "bytes that the cache takes, 64MiB or more (default with --cache: half of the room on its disk; without\n--read-only no cache, otherwise it is in STATE)")
	fl.Lookup("cache-size").DefValue = "0"
}

func (f *cacheFlags) check(cmd *cobra.Command, readOnly bool) error {
	given := cmd.Flags().Changed("cache-size")
	switch {
	case f.dir != "" && !readOnly:
		return errors.New("--cache goes with --read-only; otherwise the cache is in STATE, and --cache-size switches it on")
	case given && readOnly && f.dir == "":
		return errors.New("--cache-size goes with --cache")
	case given && f.size < leastSize && (readOnly || f.size != 0):
		least := byteSize(leastSize)
		return fmt.Errorf("--cache-size %s: it must be %s or more", &f.size, &least)
	}
	return nil
}

// checkSite refuses a cache that overlaps with something else.
func (f *cacheFlags) checkSite(used []site.Site) error {
	if f.dir == "" {
		return nil
	}
	s, err := site.New("--cache", f.dir)
	if err == nil {
		err = s.ApartFrom(used...)
	}
	if err == nil {
		err = s.OutOfOthers()
	}
	f.dir = s.Path // without links
	return outcome.New(outcome.Usage, err, site.AnotherPlace)
}
