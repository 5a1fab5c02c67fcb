package verify

import (
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/sync/tree"
)

// origin records the signs of CLFSLoad in a container. CLFSLoad leaves harmless irregularities when
// it resumes a transfer (docs/clfs-format.md section 8).
type origin struct {
	clfsLoad bool        // CLFSLoad finished the transfer
	resumed  atomic.Bool // and it resumed the transfer before that
}

// see records an inode that the walk reached. CLFSLoad writes each inode once, as the first
// version, and inodes with several links again at the end of a transfer. Only a resumed transfer
// writes any other inode again.
func (o *origin) see(n *tree.Node) {
	if o.rewrote(n.Name) && len(n.Inode.BackPointers) < 2 {
		o.resumed.Store(true)
	}
}

// rewrote reports whether CLFSLoad wrote an inode more than once.
func (o *origin) rewrote(n clfs.Name) bool {
	return o.clfsLoad && n.Version > clfs.FirstVersion
}

// leftBehind reports whether an orphan is a block of a file that a resumed CLFSLoad began again. It
// is valid after the walk.
func (o *origin) leftBehind(n clfs.Name) bool {
	return o.resumed.Load() && (n.Type == clfs.TypeSegment || n.Type == clfs.TypeIndirect)
}

// severityIf is the severity of a finding that is a remark only under a condition.
func severityIf(harmless bool) Severity {
	if harmless {
		return Remark
	}
	return Damage
}
