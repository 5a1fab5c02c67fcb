package flags

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"clfsload/clfs/compression"
)

// flagsWithNumber are switches here that had the value 0 or 1 in CLFSLoad.
var flagsWithNumber = []string{"preserve-hardlinks", "retry-errors"}

// Normalize joins "--preserve_hardlinks 1" into one argument, so that command
// lines written for CLFSLoad work.
func Normalize(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return append(out, args[i:]...)
		}
		if i+1 < len(args) && takesNumber(args[i]) && (args[i+1] == "0" || args[i+1] == "1") {
			out = append(out, args[i]+"="+args[i+1])
			i++
			continue
		}
		out = append(out, args[i])
	}
	return out
}

func takesNumber(arg string) bool {
	for _, name := range flagsWithNumber {
		if strings.ReplaceAll(arg, "_", "-") == "--"+name {
			return true
		}
	}
	return false
}

// Size is a flag such as 96MiB, 200M or 1073741824.
type Size int64

func (b *Size) Type() string { return "size" }

// sizeUnits are the units for printing a size that is a whole number of them.
var sizeUnits = []struct {
	bytes int64
	name  string
}{{humanize.TiByte, "TiB"}, {humanize.GiByte, "GiB"}, {humanize.MiByte, "MiB"}, {humanize.KiByte, "KiB"},
	{humanize.TByte, "T"}, {humanize.GByte, "G"}, {humanize.MByte, "M"}, {humanize.KByte, "k"}}

// String prints the size exactly, with the smallest number: mostly as it was given.
func (b *Size) String() string {
	n, unit := int64(*b), ""
	for _, u := range sizeUnits {
		if int64(*b)%u.bytes == 0 && int64(*b)/u.bytes < n {
			n, unit = int64(*b)/u.bytes, u.name
		}
	}
	return fmt.Sprint(n) + unit
}

func (b *Size) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > 1<<62 {
		return fmt.Errorf("%q is not a size; write for example 200M or 96MiB", text)
	}
	*b = Size(n)
	return nil
}

// MaxConcurrency bounds --concurrency.
const MaxConcurrency = 4096

// WorkerThreads is --worker-thread-count; like CLFSLoad, it is clamped to its range.
type WorkerThreads int

func (w *WorkerThreads) String() string { return strconv.Itoa(int(*w)) }
func (w *WorkerThreads) Type() string   { return "int" }

func (w *WorkerThreads) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%q is not a number", text)
	}
	*w = WorkerThreads(min(max(n, 1), MaxConcurrency))
	return nil
}

func ParseCompression(text string) (compression.Method, error) {
	switch strings.ToUpper(text) {
	case "LZ4":
		return compression.LZ4, nil
	case "DISABLED":
		return compression.None, nil
	}
	return 0, fmt.Errorf("--compression %s: it must be LZ4 or DISABLED", text)
}

func OutOfRange(flag string, value, least, most int) error {
	return fmt.Errorf("%s %d: it must be between %d and %d", flag, value, least, most)
}

func TooLittleMemory(value, least Size) error {
	return fmt.Errorf("--memory %s: it must be %s or more", &value, &least)
}
