package writable

import (
	"log/slog"
	"syscall"
	"time"

	"clfsload/fusefs/writable/adopted"
)

// LargestFile is the most that a file may have, in bytes, whatever the options say. A
// container could hold more; the files that clfsload keeps of it are not made for that.
const LargestFile = 1 << 50

// Options say how the file system works.
type Options struct {
	Settle         time.Duration // how long a closed file must stay unchanged before it is uploaded
	StagingLimit   int64         // bytes that staging files may take on the disk; 0: what the disk has
	MaxFileSize    int64         // bytes that a file may have, at most LargestFile
	StagingReserve int64         // bytes of the disk that are left free, for the journal
	AllowOther     bool          // other users may use the mount
	Memory         int64         // bytes that blocks read from the container may take
	Log            *slog.Logger
	// Errno chooses what a system call fails with for an error of the
	// container.
	Errno     func(error) syscall.Errno
	Source    string         // what mount and df show as the device
	StatePath string         // the state directory, as user.clfsload.control tells it
	Cached    bool           // the container has a cache on a disk in front of it
	Adopter   adopted.Source // nil: the container was made with the journal
	// MostAdopted is how many nodes the journal has at most, roughly, before directories that
	// were only read are dropped from it.
	MostAdopted uint64
}
