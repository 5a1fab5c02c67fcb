package blob_test

import (
	"context"
	"crypto/md5"
	"errors"
	"testing"

	"clfsload/sync/blob"
)

// reading is ReadChecked of answers, one after the other, of a blob "good". It returns
// how many were taken.
func reading(t *testing.T, answers ...string) (data string, taken int, err error) {
	t.Helper()
	sum := md5.Sum([]byte("good"))
	get := func(context.Context) (blob.Object, error) {
		if taken == len(answers) {
			return blob.Object{}, blob.ErrTransient
		}
		taken++
		return blob.Object{Info: blob.Info{MD5: sum[:]}, Data: []byte(answers[taken-1])}, nil
	}
	o, err := blob.ReadChecked(t.Context(), get, blob.CheckMD5)
	return string(o.Data), taken, err
}

func TestADamagedAnswerIsFollowedByAnotherRead(t *testing.T) {
	for _, answers := range [][]string{{"good"}, {"goad", "good"}, {"goad", "goad", "good"}, {"a", "b", "c", "d", "e", "good"}} {
		if data, _, err := reading(t, answers...); data != "good" || err != nil {
			t.Errorf("%q: %q, %v", answers, data, err)
		}
	}
}

func TestDamageIsBelievedOfAnswersThatAgree(t *testing.T) {
	data, taken, err := reading(t, "goad", "gold", "gold", "gold", "good")
	if !errors.As(err, new(*blob.MD5Error)) || data != "gold" || taken != 4 {
		t.Errorf("%q, %v after %d answers", data, err, taken)
	}
}

func TestAnErrorOfAReadIsTheError(t *testing.T) {
	if _, _, err := reading(t, "goad"); !errors.Is(err, blob.ErrTransient) {
		t.Errorf("error %v", err)
	}
}
