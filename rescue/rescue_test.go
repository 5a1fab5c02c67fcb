package rescue_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"clfsload/rescue"
)

func TestAPanicBecomesTheErrorOfTheWorkThatPanicked(t *testing.T) {
	var none []byte
	err := rescue.Call(func() error {
		none[0] = 1
		return nil
	})
	var p *rescue.Panic
	if !errors.As(err, &p) || !strings.Contains(string(p.Stack), "rescue_test.go") || !strings.Contains(p.Error(), "rescue_test.go:15") {
		t.Errorf("error %v", err)
	}
}

func TestWorkThatDoesNotPanicHasItsOwnError(t *testing.T) {
	if err := rescue.Func(func() error { return io.EOF })(); err != io.EOF {
		t.Errorf("error %v", err)
	}
	if err := rescue.Func(func() error { return nil })(); err != nil {
		t.Errorf("error %v", err)
	}
}
