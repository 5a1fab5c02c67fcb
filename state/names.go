package state

import (
	"clfsload/state/adopt"
	"clfsload/state/contents"
	"clfsload/state/garbage"
	"clfsload/state/namespace"
	"clfsload/state/publish"
	"clfsload/state/recovery"
	"clfsload/state/scan"
	"clfsload/state/schema"
	"clfsload/state/upload"
)

// Callers of a journal name what they take and give by these names. The packages below explain them.
type (
	Adoption     = adopt.Adoption
	AdoptedEntry = adopt.AdoptedEntry
	AdoptedNode  = adopt.AdoptedNode
	Dropped      = adopt.Dropped

	Change  = contents.Change
	Settled = contents.Settled
	Written = contents.Written

	Garbage   = garbage.Garbage
	Foreign   = garbage.Foreign
	Leftovers = garbage.Leftovers

	Addition = namespace.Addition
	Listed   = namespace.Listed
	Rename   = namespace.Rename

	ChangedDirectory = publish.ChangedDirectory
	SnapshotChild    = publish.SnapshotChild
	Tombstone        = publish.Tombstone
	Successor        = publish.Successor
	Mark             = publish.Mark
	Put              = publish.Put
	Snapshot         = publish.Snapshot

	Removal = recovery.Removal

	Difference   = scan.Difference
	Extra        = scan.Extra
	MergeEntry   = scan.MergeEntry
	FailedEntry  = scan.FailedEntry
	FailedUpload = scan.FailedUpload
	Merged       = scan.Merged
	Entry        = scan.Entry
	Failure      = scan.Failure

	Block      = schema.Block
	Ino        = schema.Ino
	Attr       = schema.Attr
	Inode      = schema.Inode
	Phase      = schema.Phase
	Totals     = schema.Totals
	Node       = schema.Node
	Part       = schema.Part
	Unread     = schema.Unread
	Settings   = schema.Settings
	Merge      = schema.Merge
	Comparison = schema.Comparison

	BlockOutcome = upload.BlockOutcome
	Upload       = upload.Upload
)

const (
	ForeignObject = garbage.ForeignObject
	ForeignTree   = garbage.ForeignTree
	OldVersions   = garbage.OldVersions

	NoSuccessor   = publish.NoSuccessor
	Waiting       = publish.Waiting
	ListedOutside = publish.ListedOutside

	OtherType     = scan.OtherType
	OtherContents = scan.OtherContents
	OtherSize     = scan.OtherSize
	OtherMtime    = scan.OtherMtime
	OtherMode     = scan.OtherMode
	OtherUID      = scan.OtherUID
	OtherGID      = scan.OtherGID
	Kept          = scan.Kept
	Added         = scan.Added
	Replaced      = scan.Replaced
	Changed       = scan.Changed
	Refused       = scan.Refused
	InTheWay      = scan.InTheWay

	BlockDirty      = schema.BlockDirty
	BlockQueued     = schema.BlockQueued
	BlockUploaded   = schema.BlockUploaded
	BlockRemote     = schema.BlockRemote
	RootIno         = schema.RootIno
	Done            = schema.Done
	Held            = schema.Held
	Queued          = schema.Queued
	Dirty           = schema.Dirty
	Sealed          = schema.Sealed
	Removed         = schema.Removed
	Remote          = schema.Remote
	PhaseNew        = schema.PhaseNew
	PhaseTransfer   = schema.PhaseTransfer
	PhaseComplete   = schema.PhaseComplete
	Opened          = schema.Opened
	Incomplete      = schema.Incomplete
	Content         = schema.Content
	Evicted         = schema.Evicted
	Orphan          = schema.Orphan
	Renamed         = schema.Renamed
	Grown           = schema.Grown
	Synced          = schema.Synced
	Adopted         = schema.Adopted
	BaseMap         = schema.BaseMap
	Unlisted        = schema.Unlisted
	Unfaithful      = schema.Unfaithful
	OlderVersions   = schema.OlderVersions
	Unordered       = schema.Unordered
	Ranges          = schema.Ranges
	Attributes      = schema.Attributes
	Entries         = schema.Entries
	OtherNames      = schema.OtherNames
	KindMount       = schema.KindMount
	CompareSizes    = schema.CompareSizes
	CompareContents = schema.CompareContents
	CompareNames    = schema.CompareNames
)

var (
	ErrTakenBack = scan.ErrTakenBack

	ErrNoEntry      = schema.ErrNoEntry
	ErrNameTaken    = schema.ErrNameTaken
	ErrNotEmpty     = schema.ErrNotEmpty
	ErrTooManyLinks = schema.ErrTooManyLinks
	ErrIsDirectory  = schema.ErrIsDirectory
	ErrNotDirectory = schema.ErrNotDirectory
	ErrLoop         = schema.ErrLoop
	ErrUnfaithful   = schema.ErrUnfaithful
)

// Blocks is schema.Blocks.
func Blocks(size int64) uint64 { return schema.Blocks(size) }

// BlockRange is schema.BlockRange.
func BlockRange(index uint64) (offset int64, length int64) { return schema.BlockRange(index) }

// Nanoseconds is schema.Nanoseconds.
func Nanoseconds(sec int64, nsec int64) int64 { return schema.Nanoseconds(sec, nsec) }

// SplitNanoseconds is schema.SplitNanoseconds.
func SplitNanoseconds(t int64) (sec int64, nsec int64) { return schema.SplitNanoseconds(t) }
