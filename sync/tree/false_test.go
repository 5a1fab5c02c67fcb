package tree_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"clfsload/clfs"
	"clfsload/rescue"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
	"clfsload/sync/tree/treetest"
)

// wrong is a container that makes something of its answers.
type wrong struct {
	blob.Container
	get  func(blob.Object) blob.Object
	list func(blob.Page) blob.Page
}

func (w wrong) Get(ctx context.Context, name string, offset, length int64) (blob.Object, error) {
	o, err := w.Container.Get(ctx, name, offset, length)
	if err == nil && w.get != nil {
		o = w.get(o)
	}
	return o, err
}

func (w wrong) List(ctx context.Context, prefix, marker string) (blob.Page, error) {
	p, err := w.Container.List(ctx, prefix, marker)
	if err == nil && w.list != nil {
		p = w.list(p)
	}
	return p, err
}

// once changes the nth answer alone.
func once[T any](n int64, change func(T) T) func(T) T {
	var count atomic.Int64
	return func(v T) T {
		if count.Add(1) == n {
			return change(v)
		}
		return v
	}
}

// readOne opens a container and reads the beginning of the second segment of a file.
func readOne(t *testing.T, c blob.Container) error {
	t.Helper()
	tr, err := tree.Open(t.Context(), c, tree.Options{TempDir: t.TempDir()})
	if err != nil {
		return err
	}
	n, err := tr.Lookup(t.Context(), "sizes/text-8404993")
	if err != nil {
		return err
	}
	_, err = tr.ReadAt(t.Context(), n, make([]byte, 100), clfs.FirstSegmentBytes)
	return err
}

func TestAPanicWhileASegmentIsReadIsAnError(t *testing.T) {
	err := readOne(t, wrong{Container: treetest.Golden(t, treetest.GoldenLZ4), get: func(o blob.Object) blob.Object {
		if n, err := clfs.ParseName(o.Name); err == nil && n.Type == clfs.TypeSegment {
			panic("nobody has thought of this segment")
		}
		return o
	}})
	if !errors.As(err, new(*rescue.Panic)) {
		t.Errorf("error %v", err)
	}
}

func TestOneFalseAnswerOfAnyKindIsAskedForAgain(t *testing.T) {
	c := treetest.Golden(t, treetest.GoldenLZ4)
	var bucket blob.Object
	if err := readOne(t, wrong{Container: c, get: func(o blob.Object) blob.Object {
		if bucket.Name == "" {
			bucket = o
		}
		return o
	}}); err != nil {
		t.Fatal(err)
	}
	for name, get := range map[string]func(blob.Object) blob.Object{
		"that of another blob": func(blob.Object) blob.Object { return bucket },
		"without bytes":        func(o blob.Object) blob.Object { o.Data = nil; return o },
		"damaged": func(o blob.Object) blob.Object {
			o.Data = bytes.Clone(o.Data)
			o.Data[len(o.Data)/2] ^= 4
			return o
		},
		"damaged, of a blob without MD5": func(o blob.Object) blob.Object {
			o.MD5, o.Data = nil, bytes.Clone(o.Data)
			o.Data[6] ^= 4
			return o
		},
		"of an absurd size": func(o blob.Object) blob.Object { o.Size = 1 << 60; return o },
	} {
		for n := range int64(5) {
			if err := readOne(t, wrong{Container: c, get: once(n+1, get)}); err != nil {
				t.Errorf("answer %d was %s: %v", n+1, name, err)
			}
		}
	}
	for n := range int64(5) {
		if err := readOne(t, wrong{Container: c, list: once(n+1, func(blob.Page) blob.Page { return blob.Page{} })}); err != nil {
			t.Errorf("listing %d was empty: %v", n+1, err)
		}
	}
}
