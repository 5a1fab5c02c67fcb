package state

import (
	"testing"
)

// cutOffFile is an incomplete file of two names.
func cutOffFile(t *testing.T, j *Journal) Node {
	t.Helper()
	n, err := j.Add(t.Context(), Addition{Dir: RootIno, Name: []byte("f"), Attr: regular, Open: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Link(t.Context(), n.Ino, RootIno, []byte("g"), 5); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Recover(t.Context(), false, func(Ino) (int64, int64, bool) { return 90, 8, true }); err != nil {
		t.Fatal(err)
	}
	return nodeOf(t, j, n.Ino)
}

func TestAnIncompleteFileLosesAllItsNames(t *testing.T) {
	j := newMount(t)
	n := cutOffFile(t, j)
	gone, names, err := j.RemoveIncomplete(t.Context(), n.Ino, 9, nil)
	if err != nil || len(names) != 2 || string(names[0].Name) != "f" || string(names[1].Name) != "g" || gone.State != Removed {
		t.Fatalf("%+v, %v, %v", gone, names, err)
	}
	if list, err := j.Incompletes(t.Context(), 0, 10); err != nil || len(list) != 0 {
		t.Errorf("%d files are left, %v", len(list), err)
	}
	if _, names, err := j.RemoveIncomplete(t.Context(), n.Ino, 9, nil); err != nil || len(names) != 0 {
		t.Errorf("removed again: %v, %v", names, err)
	}
}

// Whoever writes it decides.
func TestAnIncompleteFileThatIsWrittenAgainIsNeitherRemovedNorAccepted(t *testing.T) {
	j := newMount(t)
	n := cutOffFile(t, j)
	if _, err := j.BeginWrite(t.Context(), n.Ino); err != nil {
		t.Fatal(err)
	}
	if _, names, err := j.RemoveIncomplete(t.Context(), n.Ino, 9, nil); err != nil || len(names) != 0 {
		t.Errorf("removed: %v, %v", names, err)
	}
	if accepted, err := j.AcceptFile(t.Context(), n.Ino); err != nil || accepted {
		t.Errorf("accepted: %v, %v", accepted, err)
	}
	n, err := j.EndWrite(t.Context(), n.Ino, Written{Size: 90, Mtime: 8, Ctime: 8})
	if err != nil || n.Flags&Incomplete != 0 {
		t.Errorf("%+v, %v", n, err)
	}
}
