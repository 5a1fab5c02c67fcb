package export

// TempName is the name of the temporary directory in the directory with an inode number.
func TempName(ino uint64) string { return tempName(int64(ino)) }
