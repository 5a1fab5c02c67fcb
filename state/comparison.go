package state

// Merge says how a load goes into a namespace that was there before. Its zero value is that of
// a load that began with an empty container.
type Merge struct {
	Into    string // the directory that the source becomes, as a path from "/"; "": none
	Update  bool   // what differs from the source is replaced; otherwise it fails
	Delete  bool   // what the source does not have is removed
	Compare Comparison
	First   Ino // inodes that the load has made have this number or a higher one
}

// takesTimes reports whether directories that were there before get the times of the source.
func (m *Merge) takesTimes() bool { return m.Update && m.Compare != CompareNames }

// Comparison says which entries of a namespace pass for those of a source.
type Comparison int

const (
	CompareTimes    Comparison = iota // files by size and time of modification
	CompareSizes                      // files by size
	CompareContents                   // files by contents
	CompareNames                      // all by name
)
