package harness

// The exit codes that users rely on; docs/exit-codes.md explains them.
const (
	ExitOK          = 0
	ExitUsage       = 2
	ExitIncomplete  = 3
	ExitSource      = 4
	ExitState       = 5
	ExitNoContainer = 6
	ExitNotEmpty    = 7
	ExitCredentials = 8
	ExitPermission  = 9
	ExitNoSpace     = 10
	ExitBusy        = 11
	ExitJournal     = 12
	ExitUnreachable = 13
	ExitDamaged     = 14
	ExitMountPoint  = 16
	ExitInterrupted = 130
	ExitTerminated  = 143
)
