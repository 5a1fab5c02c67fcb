package flags

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"
)

// Bandwidth is the flag that limits the network use of a load or mount.
type Bandwidth struct{ Limit Rate }

func (f *Bandwidth) Register(fl *pflag.FlagSet) {
	fl.Var(&f.Limit, "bandwidth-limit", "upload at most this many bytes a second, for example 200M; 'clfsload limit' changes it later")
}

// Rate is a flag for bytes a second such as 200M, or off, which is 0.
type Rate int64

func (r *Rate) Type() string { return "rate" }

func (r *Rate) String() string {
	if *r == 0 {
		return "off"
	}
	return strings.ReplaceAll(humanize.Bytes(uint64(*r)), " ", "") + "/s"
}

func (r *Rate) Set(text string) error {
	if strings.EqualFold(text, "off") {
		*r = 0
		return nil
	}
	var b Size
	if err := b.Set(strings.TrimSuffix(text, "/s")); err != nil || b < 1 {
		return fmt.Errorf("%q is not a rate; write for example 200M, 80MiB or off", text)
	}
	*r = Rate(b)
	return nil
}
