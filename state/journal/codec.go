package journal

import (
	"encoding/binary"
	"fmt"
	"reflect"
)

// Codec writes values behind each other, or reads them: one function describes
// both.
type Codec struct {
	Data    []byte
	Reading bool
	Short   bool // the data ended early
}

// Integer is what Number codes.
type Integer interface {
	~int | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Number codes a number.
func Number[T Integer](c *Codec, v *T) {
	if !c.Reading {
		c.Data = binary.AppendVarint(c.Data, int64(*v))
		return
	}
	n, size := binary.Varint(c.Data)
	if size <= 0 {
		c.Short = true
		return
	}
	*v, c.Data = T(n), c.Data[size:]
}

// Bytes keeps nil apart from what is empty.
func (c *Codec) Bytes(v *[]byte) {
	length := len(*v)
	if *v == nil {
		length = -1
	}
	Number(c, &length)
	switch {
	case !c.Reading:
		c.Data = append(c.Data, *v...)
	case length < 0:
		*v = nil
	case length > len(c.Data):
		c.Short = true
	default:
		*v, c.Data = c.Data[:length:length], c.Data[length:]
	}
}

// Kinds of values that a statement is executed with.
const (
	nullValue = iota
	numberValue
	blobValue
	textValue
)

// Value is an argument of a statement. What is read are the types that a driver
// of a database takes.
func (c *Codec) Value(v *any) error {
	kind, n, b := valueOf(*v)
	Number(c, &kind)
	switch kind {
	case nullValue:
		*v = nil
	case numberValue:
		Number(c, &n)
		*v = n
	case blobValue:
		c.Bytes(&b)
		*v = b
	case textValue:
		c.Bytes(&b)
		*v = string(b)
	default:
		return fmt.Errorf("%w: a value of the kind %d, %T, in the redo log", ErrDamaged, kind, *v)
	}
	return nil
}

// valueOf returns what of an argument is stored.
func valueOf(v any) (kind int, n int64, b []byte) {
	switch v := v.(type) {
	case nil:
		return nullValue, 0, nil
	case []byte:
		return blobValue, 0, v
	case string:
		return textValue, 0, []byte(v)
	}
	switch number := reflect.ValueOf(v); {
	case number.CanInt():
		return numberValue, number.Int(), nil
	case number.CanUint():
		return numberValue, int64(number.Uint()), nil
	}
	return -1, 0, nil
}
