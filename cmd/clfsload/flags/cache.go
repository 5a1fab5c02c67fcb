package flags

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"clfsload/sync/outcome"
	"clfsload/sync/site"
)

// Cache are the flags of a cache of blobs on a local disk.
type Cache struct {
	Dir  string
	Size Size // 0: the default; for a writable mount that is no cache
}

// leastSize is the smallest size of a cache.
const leastSize = 64 << 20

func (f *Cache) Register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.Dir, "cache", "", "with --read-only: directory, on a local disk, for file contents that were read; read-only mounts\nof the same user can share it (default: no cache)")
	fl.Var(&f.Size, "cache-size", "size of the cache, 64MiB or more (default with --cache: half of the free space of its disk; default without\n--read-only: no cache; with this flag the cache is in STATE)")
	fl.Lookup("cache-size").DefValue = "0"
}

func (f *Cache) Check(cmd *cobra.Command, readOnly bool) error {
	given := cmd.Flags().Changed("cache-size")
	switch {
	case f.Dir != "" && !readOnly:
		return errors.New("--cache needs --read-only; without it the cache is in STATE, and --cache-size enables it")
	case given && readOnly && f.Dir == "":
		return errors.New("--cache-size needs --cache")
	case given && f.Size < leastSize && (readOnly || f.Size != 0):
		least := Size(leastSize)
		return fmt.Errorf("--cache-size %s: it must be %s or more", &f.Size, &least)
	}
	return nil
}

// CheckSite refuses a cache that overlaps with another site.
func (f *Cache) CheckSite(used []site.Site) error {
	if f.Dir == "" {
		return nil
	}
	s, err := site.New("--cache", f.Dir)
	if err == nil {
		err = s.ApartFrom(used...)
	}
	if err == nil {
		err = s.OutOfOthers()
	}
	f.Dir = s.Path // without links
	return outcome.New(outcome.Usage, err, site.AnotherPlace)
}
