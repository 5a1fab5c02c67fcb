package backing

import (
	"context"
	"errors"
	"syscall"

	"clfsload/fusefs/readonly"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
)

// errnos say what a system call on a mount fails with. Whatever is not in the
// table, a service that does not answer for one, is EIO.
var errnos = []struct {
	sentinel error
	errno    syscall.Errno
}{
	{context.Canceled, syscall.EINTR},
	{readonly.ErrNoEntry, syscall.ENOENT},
	{readonly.ErrStale, syscall.ESTALE}, // what is missing then is no damage
	{tree.ErrDamaged, syscall.EIO},      // before the others: damage may have one of them as its cause
	{blob.ErrCredentials, syscall.EACCES},
	{blob.ErrPermission, syscall.EACCES},
}

// IsMissing reports whether an error is about an object that is not there.
func IsMissing(err error) bool {
	var damage *tree.Damage
	return errors.As(err, &damage) && damage.Kind == tree.KindMissing
}

func Errno(err error) syscall.Errno {
	for _, e := range errnos {
		if errors.Is(err, e.sentinel) {
			return e.errno
		}
	}
	return syscall.EIO
}
