package blob

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
)

// A blob with wrong bytes is read at most reads times. If it was the same believed times in a row,
// it is believed.
const (
	reads    = 6
	believed = 3
)

// MD5Error says that the bytes of a blob do not match the MD5 that is stored with it.
type MD5Error struct{ Sum, Kept []byte }

func (e *MD5Error) Error() string {
	return fmt.Sprintf("the bytes do not match the stored MD5 (%x, stored is %x)", e.Sum, e.Kept)
}

// CheckMD5 compares the bytes of a whole blob with the MD5 that is stored with it, if there is one.
// The error is an [MD5Error].
func CheckMD5(o Object) error {
	if o.Checked || len(o.MD5) == 0 {
		return nil
	}
	if sum := md5.Sum(o.Data); !bytes.Equal(sum[:], o.MD5) {
		return &MD5Error{sum[:], o.MD5}
	}
	return nil
}

// ReadChecked reads a blob with get until check accepts it, and returns the last answer with the
// last error of check. Damage in transit disappears in the next answer, or at least differs; damage
// in the container does not. So three answers in a row with the same bytes are believed.
func ReadChecked(ctx context.Context, get func(context.Context) (Object, error), check func(Object) error) (Object, error) {
	var before [md5.Size]byte
	for try, same := 1, 0; ; try++ {
		o, err := get(ctx)
		if err != nil {
			return o, err
		}
		if err = check(o); err == nil {
			return o, nil
		}
		ctx = Fresh(ctx)
		sum := md5.Sum(o.Data)
		if same++; sum != before {
			same = 1
		}
		if try == reads || same == believed {
			return o, err
		}
		before = sum
	}
}
