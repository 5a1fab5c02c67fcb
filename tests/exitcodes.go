package tests

// The exit codes that users rely on; docs/exit-codes.md explains them.
const (
	exitOK          = 0
	exitUsage       = 2
	exitIncomplete  = 3
	exitSource      = 4
	exitState       = 5
	exitNoContainer = 6
	exitNotEmpty    = 7
	exitCredentials = 8
	exitPermission  = 9
	exitNoSpace     = 10
	exitBusy        = 11
	exitJournal     = 12
	exitUnreachable = 13
	exitDamaged     = 14
	exitMountPoint  = 16
	exitInterrupted = 130
	exitTerminated  = 143
)
